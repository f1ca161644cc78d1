// What scripts add; every page works without them.
import htmx from "htmx.org/dist/htmx.esm.js";
import { ErrorSummary } from "nhsuk-frontend/dist/nhsuk/components/error-summary/error-summary.mjs";

htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;
htmx.config.selfRequestsOnly = true;
window.htmx = htmx;

document.body.classList.add("js-enabled", "nhsuk-frontend-supported");
for (const each of document.querySelectorAll('[data-module="nhsuk-error-summary"]')) new ErrorSummary(each);

// A slider shows the number it stands for.
document.addEventListener("input", (event) => {
  const shown = event.target.dataset && event.target.dataset.shows && document.getElementById(event.target.dataset.shows);
  if (shown) shown.textContent = event.target.value;
});

// A table's rows are narrowed to those that hold what is typed.
document.addEventListener("input", (event) => {
  const named = event.target.dataset && event.target.dataset.narrows;
  if (!named) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const row of document.querySelectorAll(`#${named} tbody tr`)) row.hidden = !row.textContent.toLowerCase().includes(wanted);
});
