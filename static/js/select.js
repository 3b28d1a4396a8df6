// Selects every row of the page at once. Without it each row is selected by hand.
"use strict";

const form = document.querySelector("form.selection");
const rows = [...form.querySelectorAll("input[name=account]")];
const all = form.querySelector("thead input");

function show() {
  const number = rows.filter((row) => row.checked).length;
  all.checked = number === rows.length;
  all.indeterminate = number > 0 && number < rows.length;
}

all.addEventListener("change", () => {
  for (const row of rows) row.checked = all.checked;
  show();
});
for (const row of rows) row.addEventListener("change", show);
form.addEventListener("reset", () => setTimeout(show));
window.addEventListener("pageshow", show);
all.closest("label").hidden = false;
