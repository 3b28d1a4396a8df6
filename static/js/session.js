// Warns two minutes before the session ends, and keeps what was typed for the next sign-in.
// Without it the menu says when the session ends, and a form that is sent later opens again.
"use strict";

const WARNING = 120000; // milliseconds
const LONGEST = 1000; // characters of a field that is kept
const KEPT = ["reason", "remark", "option", "owner", "ends_on"]; // never a password or a code
const banner = document.getElementById("session-end");
const stay = banner.querySelector("button");
const signIn = banner.querySelector("a");
const place = `pciops.typed ${location.pathname}`; // in sessionStorage: of this window only
let ends = 0;
let timer = 0;
let over = false;

const fields = () => [...document.querySelectorAll("main form[method=post] [name]")];

function schedule(seconds, movable) {
  ends = Date.now() + seconds * 1000;
  banner.hidden = true;
  stay.hidden = !movable;
  clearTimeout(timer);
  timer = setTimeout(ask, Math.max(0, seconds * 1000 - WARNING));
}

// Another window of the same session may have moved its end.
async function ask() {
  const left = await current({ "X-By-Itself": "1" });
  if (left && left.seconds * 1000 > WARNING) return schedule(left.seconds, left.movable);
  if (left) ends = Date.now() + left.seconds * 1000;
  show();
}

async function current(headers) {
  try {
    const answer = await fetch(banner.dataset.url, { headers, cache: "no-store" });
    return answer.ok ? (await answer.json()).session : null;
  } catch {
    return null; // the end is known all the same
  }
}

function show() {
  const time = `${new Date(ends).toISOString().slice(11, 16)} UTC`;
  over = over || Date.now() >= ends;
  banner.querySelector(".banner-title").textContent = over
    ? "You are signed out"
    : `You will be signed out at ${time}`;
  stay.hidden = stay.hidden || over;
  signIn.hidden = !over;
  banner.hidden = false;
  if (!over) timer = setTimeout(show, ends - Date.now());
}

function keep() {
  const typed = fields()
    .filter((field) => KEPT.includes(field.name) && field.value)
    .map((field) => [field.name, field.value.slice(0, LONGEST)]);
  if (typed.length) sessionStorage.setItem(place, JSON.stringify(Object.fromEntries(typed)));
}

function restore() {
  const typed = JSON.parse(sessionStorage.getItem(place) ?? "{}");
  sessionStorage.removeItem(place);
  for (const field of fields()) {
    if (KEPT.includes(field.name) && typed[field.name] && !field.value) {
      field.value = typed[field.name];
    }
  }
}

stay.addEventListener("click", async () => {
  const left = await current({});
  if (left) schedule(left.seconds, left.movable);
  else show();
});
signIn.addEventListener("click", keep);
document.addEventListener("submit", () => {
  if (over) keep();
});
document.addEventListener("session-ended", () => {
  over = true;
  clearTimeout(timer);
  show();
});

restore();
schedule(Number(banner.dataset.seconds), "movable" in banner.dataset);
