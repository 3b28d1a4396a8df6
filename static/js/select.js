// Selects every row of the page at once. Without it each row is selected by hand.
"use strict";

const rows = (form) => [...form.querySelectorAll("input[name=account]")];

function show(form) {
  const all = form.querySelector("thead input");
  const number = rows(form).filter((row) => row.checked).length;
  all.checked = number === rows(form).length;
  all.indeterminate = number > 0 && !all.checked;
  all.closest("label").hidden = false;
}

function showAll() {
  document.querySelectorAll("form.selection").forEach(show);
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form.selection");
  if (!form) return;
  if (event.target.closest("thead")) {
    for (const row of rows(form)) row.checked = event.target.checked;
  }
  show(form);
});
document.addEventListener("reset", () => setTimeout(showAll));
document.addEventListener("htmx:load", showAll);
window.addEventListener("pageshow", showAll);
