// htmx asks for the page's content every 15 seconds. This keeps it from changing what is in use,
// says what has changed, and says when pciops no longer answers.
"use strict";

const PAUSED = "pciops.paused"; // in localStorage: a choice for all pages of this browser
const root = document.documentElement;
const news = document.getElementById("news");
const stale = document.getElementById("stale");
const closed = new Set(); // folds that the user has closed, by their titles
let before = null;
let failures = 0;
let ended = false;

const content = () => document.getElementById("live");
const paused = () => localStorage.getItem(PAUSED) !== null;
const title = (fold) => fold.querySelector("summary").textContent;

const changed = (field) =>
  field.type === "checkbox" || field.type === "radio"
    ? field.checked !== field.defaultChecked
    : field.value !== field.defaultValue;

// In use: it has the focus, a row is picked, text is typed or selected, a fold or menu is open.
function inUse() {
  const live = content();
  const focused = live.contains(document.activeElement) && document.activeElement.id !== "pause";
  const selection = window.getSelection();
  return (
    focused ||
    live.querySelector("[data-opened], :popover-open") !== null ||
    [...live.querySelectorAll("input:not([type=hidden])")].some(changed) ||
    (!selection.isCollapsed && live.contains(selection.anchorNode))
  );
}

// What a refresh announces if it changes: named numbers and words, and new rows of a log.
function facts() {
  const named = [...content().querySelectorAll("[data-news]")];
  return {
    values: new Map(named.map((element) => [element.dataset.news, element.textContent.trim()])),
    rows: new Set(
      [...content().querySelectorAll(".t-events tbody tr:not(.day)")].map((row) => row.textContent),
    ),
  };
}

function announce(now) {
  const said = [...now.values]
    .filter(([name, value]) => before.values.has(name) && before.values.get(name) !== value)
    .map(([name, value]) => `${value} ${name}, was ${before.values.get(name)}`.trim());
  const fresh = [...now.rows].filter((row) => !before.rows.has(row)).length;
  if (fresh) said.push(fresh === 1 ? "1 new event" : `${fresh} new events`);
  if (said.length) news.textContent = said.join(". ");
}

function showPause() {
  const button = document.getElementById("pause");
  root.classList.toggle("paused", paused());
  if (!button) return;
  button.querySelector("span").textContent = paused() ? "Resume" : "Pause";
}

function refreshed() {
  for (const fold of content().querySelectorAll("details[open]")) {
    if (closed.has(title(fold))) fold.open = false;
  }
  if (before) announce(facts());
  failures = 0;
  stale.hidden = true;
  showPause();
}

function failed(event) {
  ended = event.detail.xhr.status === 401;
  failures += 1;
  if (ended) document.dispatchEvent(new Event("session-ended"));
  else if (failures > 1) sayStale();
}

function sayStale() {
  const time = document.querySelector("#as-of time").textContent;
  stale.querySelector("span").textContent = `Not updated since ${time}: pciops does not answer.`;
  stale.hidden = false;
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (ended || paused() || document.hidden || inUse()) event.preventDefault();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  if (inUse()) event.detail.shouldSwap = false;
  before = facts();
});
document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt.id === "live") refreshed();
});
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, failed);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("#pause");
  const fold = event.target.closest("summary")?.parentElement;
  if (button) {
    if (paused()) localStorage.removeItem(PAUSED);
    else localStorage.setItem(PAUSED, "1");
    showPause();
  }
  if (!fold || !content().contains(fold)) return;
  fold.toggleAttribute("data-opened", !fold.open);
  if (fold.open) closed.add(title(fold));
  else closed.delete(title(fold));
});

root.classList.add("fresh");
showPause();
