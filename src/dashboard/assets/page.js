// Small additions to pages that work without them.
"use strict";

// Times in the time zone of the reader.
function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = moment.toLocaleString();
    if ("clock" in element.dataset) {
      element.textContent = moment.toLocaleTimeString();
    } else if (!("age" in element.dataset)) {
      element.textContent = moment.toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
    }
  }
}

// Buttons that copy a block of text.
function copyButtons(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).innerText);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

// A slider beside the field of a target, and the point of the chart that it moves.
function frontier(figure) {
  const range = figure.querySelector("input[type=range]");
  const field = figure.querySelector("input[type=number]");
  const output = figure.querySelector("output");
  const mark = figure.querySelector("g.next");
  const chart = figure.querySelector("svg.chart");
  if (!range || !mark) return;
  const points = JSON.parse(chart.dataset.points);
  range.hidden = false;
  const show = (percent) => {
    const point = points.reduce((best, next) => (Math.abs(next[0] - percent) < Math.abs(best[0] - percent) ? next : best));
    const [, x, y, macs, parameters, importance] = point;
    for (const line of mark.querySelectorAll("line")) { line.setAttribute("x1", x); line.setAttribute("x2", x); }
    for (const circle of mark.querySelectorAll("circle")) { circle.setAttribute("cx", x); circle.setAttribute("cy", y); }
    output.textContent = `${macs} MACs · ${parameters} parameters · ${importance} % of the importance`;
  };
  range.addEventListener("input", () => { field.value = range.value; show(Number(range.value)); });
  field.addEventListener("input", () => { range.value = field.value; show(Number(field.value)); });
  // The point of the chart follows the pointer.
  const seek = (event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    const point = points.reduce((best, next) => (Math.abs(next[1] - place.x) < Math.abs(best[1] - place.x) ? next : best));
    range.value = Math.min(Number(range.max), Math.max(Number(range.min), point[0]));
    field.value = range.value;
    show(Number(range.value));
  };
  chart.addEventListener("pointerdown", (event) => { chart.setPointerCapture(event.pointerId); seek(event); });
  chart.addEventListener("pointermove", (event) => { if (chart.hasPointerCapture(event.pointerId)) seek(event); });
}

function enhance(root) {
  localTimes(root);
  copyButtons(root);
}

enhance(document);
for (const figure of document.querySelectorAll("[data-frontier]")) frontier(figure);
