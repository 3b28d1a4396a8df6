// What every page can do beyond plain HTML: `/` searches, filters apply themselves, values are copied.
"use strict";

document.documentElement.classList.add("js");

const search = document.getElementById("search");
const box = document.getElementById("q");

const typing = (element) => element.matches("input, textarea, select, [contenteditable]");

function openSearch() {
  if (getComputedStyle(search).display === "none") search.showPopover();
  box.focus();
  box.select();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!box || typing(event.target)) return;
  event.preventDefault();
  openSearch();
});

if (search) {
  search.addEventListener("toggle", (event) => {
    if (event.newState === "open") box.focus();
  });
}

// Arrow keys go from the search box through the results, and back.
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const stops = [box, ...document.querySelectorAll("[data-hit] a")];
  const now = stops.indexOf(document.activeElement);
  if (!step || now < 0 || !stops[now + step]) return;
  event.preventDefault();
  stops[now + step].focus();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("form.filters select")) event.target.form.requestSubmit();
});

// On a phone the tabs scroll sideways: the current one is in view.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

// A button copies the code before it, and says so.
const copied = document.getElementById("copied");

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.previousElementSibling.textContent.trim());
  copied.textContent = "Copied";
});

// A list of checkboxes closes like a menu.
function closePickers(but) {
  for (const picker of document.querySelectorAll("details.picker[open]")) {
    if (picker === but) continue;
    picker.open = false;
    if (picker.contains(document.activeElement)) picker.querySelector("summary").focus();
  }
}

document.addEventListener("click", (event) => closePickers(event.target.closest("details.picker")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closePickers();
});
