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

// Whoever waits for an answer sees and hears that it is being worked out.
let waits = 0;
const working = (event, words) => {
  const form = event.target.closest && event.target.closest("[data-working]");
  const shown = form && document.getElementById(form.dataset.working);
  if (!shown) return;
  clearTimeout(waits);
  if (words) waits = setTimeout(() => { shown.textContent = words; }, 150);
  else shown.textContent = "";
};
document.addEventListener("htmx:beforeRequest", (event) => working(event, "Being worked out…"));
document.addEventListener("htmx:afterRequest", (event) => working(event, ""));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401 && event.detail.target) event.detail.target.textContent = "Your session has ended. Send the form: you are asked to sign in, and what you typed is kept.";
});

// A form that was sent is not sent again by a second click.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  else {
    event.target.dataset.sent = "yes";
    setTimeout(() => { delete event.target.dataset.sent; }, 2000);
  }
});

// A table's rows are narrowed to those that hold what is typed.
document.addEventListener("input", (event) => {
  const named = event.target.dataset && event.target.dataset.narrows;
  if (!named) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const row of document.querySelectorAll(`#${named} tbody tr`)) row.hidden = !row.textContent.toLowerCase().includes(wanted);
});
