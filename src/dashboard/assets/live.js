// Reads the page again while it is visible, and replaces the parts that have changed.
"use strict";

const every = Number(document.documentElement.dataset.live);
let version = null;
let timer = null;
let stream = null;
let busy = false;

// What the reader has selected or opened stays so.
function keepState(from, to) {
  const details = new Map([...from.querySelectorAll("details[id]")].map((element) => [element.id, element.open]));
  for (const element of to.querySelectorAll("details[id]")) if (details.get(element.id)) element.open = true;
  const checked = new Set([...from.querySelectorAll("input[type=checkbox]:checked")].map((element) => element.value));
  for (const element of to.querySelectorAll("input[type=checkbox]")) if (checked.has(element.value)) element.checked = true;
}

function focusPath(element) {
  return element && element.id ? `#${CSS.escape(element.id)}` : element && element.getAttribute && element.getAttribute("href") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : element && element.value && element.type === "checkbox" ? `input[value="${CSS.escape(element.value)}"]` : null;
}

const sources = new WeakMap();

function replace(next) {
  for (const part of next.querySelectorAll("[data-live-part]")) {
    const current = document.getElementById(part.id);
    if (!current) continue;
    const source = part.outerHTML;
    if (sources.get(current) === source) continue;
    const active = current.contains(document.activeElement) ? focusPath(document.activeElement) : null;
    const before = current.querySelector(".head .state");
    const fresh = document.importNode(part, true);
    keepState(current, fresh);
    current.replaceWith(fresh);
    sources.set(fresh, source);
    enhance(fresh);
    if (active) { const again = fresh.querySelector(active); if (again) again.focus({ preventScroll: true }); }
    const after = fresh.querySelector(".head .state");
    if (before && after && before.textContent !== after.textContent) {
      document.getElementById("announce").textContent = `The job is ${after.textContent.toLowerCase()}.`;
    }
  }
  const parts = (page) => [...page.querySelectorAll("main > [id], main > section")].length;
  // A result has appeared: the whole page is new.
  if (parts(next) !== parts(document)) location.reload();
  document.title = next.title;
}

async function refresh() {
  if (busy || document.hidden) return;
  busy = true;
  try {
    const headers = version ? { "If-None-Match": version } : {};
    const response = await fetch(location.href, { headers, cache: "no-store", redirect: "follow" });
    if (response.redirected) { location.reload(); return; }
    if (response.status === 200) {
      version = response.headers.get("ETag");
      replace(new DOMParser().parseFromString(await response.text(), "text/html"));
      follow();
    }
    document.documentElement.classList.remove("offline");
  } catch {
    document.documentElement.classList.add("offline");
  } finally {
    busy = false;
  }
}

// Events of a job make the page read again at once. Without them, it is read every few seconds.
async function follow() {
  const part = document.querySelector("[data-stream]");
  if (!part || document.hidden || stream) return;
  stream = new AbortController();
  const { signal } = stream;
  let pending = null;
  try {
    const response = await fetch(part.dataset.stream, { signal, headers: { Accept: "text/event-stream" } });
    if (response.status !== 200) return;
    const reader = response.body.getReader();
    for (;;) {
      const { done } = await reader.read();
      if (done) break;
      pending = pending || setTimeout(() => { pending = null; refresh(); }, 250);
    }
    refresh();
  } catch {
    // The page is still read every few seconds.
  } finally {
    if (stream && stream.signal === signal) stream = null;
  }
}

function unfollow() {
  if (stream) stream.abort();
  stream = null;
}

function schedule() {
  clearInterval(timer);
  timer = document.hidden ? null : setInterval(refresh, every);
}

document.addEventListener("visibilitychange", () => {
  schedule();
  if (document.hidden) { unfollow(); } else { refresh(); follow(); }
});
schedule();
follow();
