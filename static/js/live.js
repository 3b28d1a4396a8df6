// Asks the page's own address every few seconds for its list, shows what is new and says so.
// Without it the page is as new as when it was loaded.
"use strict";

const PERIOD = 15000; // milliseconds
const list = document.getElementById("live");
const status = document.getElementById("news");
let failures = 0;

const texts = (parent) =>
  [...parent.querySelectorAll("tbody tr:not(.day)")].map((row) => row.textContent);

// Nothing is moved under the hands of who is reading: a link in use, or a selection.
function inUse() {
  return list.contains(document.activeElement) || !window.getSelection().isCollapsed;
}

function show(html) {
  const found = new DOMParser().parseFromString(html, "text/html").body;
  const readAt = found.querySelector("#as-of");
  if (readAt) document.getElementById("as-of").replaceWith(readAt);
  const known = new Set(texts(list));
  const fresh = texts(found).filter((text) => !known.has(text)).length;
  if (fresh && inUse()) return;
  list.replaceChildren(...found.childNodes);
  if (fresh) status.textContent = fresh === 1 ? "1 new event" : `${fresh} new events`;
}

function stop(words) {
  const note = document.createElement("p");
  note.className = "banner slim soon plain";
  note.textContent = words;
  list.before(note);
  status.textContent = words;
}

async function look() {
  if (document.hidden) return later();
  try {
    const answer = await fetch(location.href, {
      headers: { "X-By-Itself": "1" },
      redirect: "manual",
      cache: "no-store",
    });
    if (answer.type === "opaqueredirect") return stop("You are signed out: reload the page.");
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.text());
    failures = 0;
  } catch {
    failures += 1;
    if (failures === 4) return stop("pciops does not answer: reload the page for what is newer.");
  }
  later();
}

function later() {
  setTimeout(look, PERIOD);
}

later();
