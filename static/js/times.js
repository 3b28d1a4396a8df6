// Shows times in the zone of this computer, if the user chooses that. Pages have them in UTC.
"use strict";

const TIMES = "pciops.times"; // in localStorage
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const utcWords = new WeakMap(); // the words of each element as the page has them

const local = () => localStorage.getItem(TIMES) === "local";
const two = (number) => String(number).padStart(2, "0");
const dayOf = (time) => `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;

const zone = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" })
  .formatToParts()
  .find((part) => part.type === "timeZoneName").value;

// The day is named if it is not today's; below the row of a UTC day, if it is not that day.
function words(element, utc) {
  const time = new Date(element.dateTime);
  const today = new Date();
  const expected = "belowDay" in element.dataset ? element.dateTime.slice(0, 10) : dayOf(today);
  const year = time.getFullYear() === today.getFullYear() ? "" : ` ${time.getFullYear()}`;
  const day = dayOf(time) === expected ? "" : `${time.getDate()} ${MONTHS[time.getMonth()]}${year}, `;
  const seconds = /:\d\d:/.test(utc) ? `:${two(time.getSeconds())}` : "";
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}${seconds}`;
  return `${day}${clock}${utc.endsWith("UTC") ? ` ${zone}` : ""}`;
}

function showTimes() {
  for (const element of document.querySelectorAll("time[datetime], [data-zone]")) {
    if (!utcWords.has(element)) utcWords.set(element, element.textContent);
    const utc = utcWords.get(element);
    if (!local()) element.textContent = utc;
    else element.textContent = element.dateTime ? words(element, utc) : zone;
  }
  for (const button of document.querySelectorAll("[data-times]")) {
    button.ariaPressed = String((button.dataset.times === "local") === local());
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-times]");
  if (!button) return;
  localStorage.setItem(TIMES, button.dataset.times);
  showTimes();
});
document.addEventListener("htmx:load", showTimes);
document.getElementById("times").hidden = false;
showTimes();
