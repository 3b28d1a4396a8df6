// Selects every row of the page at once, and says how many are. Without it each row is selected
// by hand.
"use strict";

const form = document.querySelector("form.selection");
const rows = [...form.querySelectorAll("input[name=account]")];
const all = form.querySelector(".selected input");
const button = form.querySelector(".selected button");

function show() {
  const number = rows.filter((row) => row.checked).length;
  all.checked = number === rows.length;
  all.indeterminate = number > 0 && number < rows.length;
  button.textContent = number ? `Unlock ${number}…` : "Unlock selected…";
}

all.addEventListener("change", () => {
  for (const row of rows) row.checked = all.checked;
  show();
});
for (const row of rows) row.addEventListener("change", show);
window.addEventListener("pageshow", show);
all.closest("label").hidden = false;
