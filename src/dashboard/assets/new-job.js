// The form of a new job: a slider for the target, and a check as soon as the sources are known.
"use strict";

{
  const form = document.querySelector("form[data-check]");
  const target = form.querySelector("[data-target]");
  const range = target.querySelector("input[type=range]");
  const field = target.querySelector("input[type=number]");
  const metric = target.querySelector("select");
  const output = target.querySelector("output");
  const name = (path) => form.elements.namedItem(path);

  const short = (number) => {
    const units = ["", " k", " M", " G", " T"];
    let unit = 0;
    while (number >= 999.5 && unit + 1 < units.length) { number /= 1000; unit += 1; }
    return `${number.toLocaleString(undefined, { maximumSignificantDigits: 3 })}${units[unit]}`;
  };

  // What the target means for the model that was checked.
  const show = () => {
    const checked = form.querySelector("[data-macs][data-reachable]");
    if (!checked || (metric && metric.value !== "flops")) { output.textContent = ""; return; }
    const percent = Number(field.value);
    const [macs, reachable] = [Number(checked.dataset.macs), Number(checked.dataset.reachable)];
    range.min = Math.ceil(reachable);
    output.textContent = percent < reachable
      ? `The smallest reachable target is ${reachable.toFixed(1)} %.`
      : `at most ${short((macs * percent) / 100)} of ${short(macs)} MACs per row, at best ${(100 / percent).toFixed(2)} times as fast`;
  };
  range.hidden = false;
  range.addEventListener("input", () => { field.value = range.value; show(); });
  field.addEventListener("input", () => { range.value = field.value; show(); });

  // Checks the form like its button does, and shows the answer in place.
  let running = null;
  const check = async () => {
    if (!name("calibration.uri").value.trim() && !name("evaluation.uri").value.trim()) return;
    if (running) running.abort();
    running = new AbortController();
    const place = document.getElementById("check");
    place.setAttribute("aria-busy", "true");
    try {
      const fields = new URLSearchParams(new FormData(form));
      fields.set("action", "check");
      const response = await fetch("/new", { method: "POST", body: fields, signal: running.signal });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById("check");
      if (!fresh) { location.reload(); return; }
      place.replaceChildren(...document.importNode(fresh, true).childNodes);
      const commands = page.querySelector(".commands");
      const own = form.querySelector(".commands");
      if (commands) { if (own) own.replaceWith(commands); else form.querySelector(".side").append(commands); enhance(commands); }
      for (const hint of page.querySelectorAll(".hint[id], .found[id]")) {
        const here = document.getElementById(hint.id);
        if (here) here.replaceChildren(...document.importNode(hint, true).childNodes);
      }
      for (const field of page.querySelectorAll("#newjob [aria-describedby]")) {
        const here = document.getElementById(field.id);
        if (!here) continue;
        if (field.hasAttribute("aria-invalid")) here.setAttribute("aria-invalid", "true");
        else here.removeAttribute("aria-invalid");
      }
      show();
      place.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") place.removeAttribute("aria-busy");
    }
  };
  // The target does not change what is known about the sources.
  form.addEventListener("change", (event) => { if (event.target !== range && event.target !== field && event.target.type !== "file") check(); });
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.value === "check") { event.preventDefault(); check(); }
  });
  form.addEventListener("uploaded", check);
  if (!form.querySelector("[data-macs][data-reachable]")) check();
  show();
}
