// What scripts add to pages that work without them: the viewer's time zone, live figures, and no second press of a button.
"use strict";

const LIVE_MILLISECONDS = 5000;
const BUSY_MILLISECONDS = 10000;

/** The server shows instants in the zone that this cookie names. */
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const told = document.cookie.split("; ").includes(`zone=${zone}`);
  if (!zone || told) return false;
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  return true;
}

/** Bring the parts of this page marked `data-live` up to date, unless the viewer is at work in them. */
async function refresh() {
  const parts = [...document.querySelectorAll("[data-live]")];
  if (!parts.length || document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer || answer.redirected || !answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const now = fresh.getElementById(part.id);
    const busy = part.contains(document.activeElement) || part.querySelector("details[open], form[aria-busy]");
    if (now && !busy && comparable(now) !== comparable(part)) part.replaceChildren(...now.childNodes);
  }
}

/** The markup without the keys and tokens of forms, which are new each time. */
function comparable(part) {
  const copy = part.cloneNode(true);
  for (const hidden of copy.querySelectorAll("input[type=hidden]")) hidden.removeAttribute("value");
  return copy.innerHTML;
}

function rest(form) {
  form.removeAttribute("aria-busy");
}

// While a form is on its way its button says so, and a second press does nothing. Who has stopped it may press again soon.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.hasAttribute("aria-busy")) return event.preventDefault();
  form.setAttribute("aria-busy", "true");
  setTimeout(rest, BUSY_MILLISECONDS, form);
});

// Back from elsewhere by the browser's own history: the page may be used again.
window.addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach(rest));

if (tellZone()) refresh();
if (document.querySelector("[data-live]")) setInterval(refresh, LIVE_MILLISECONDS);
document.addEventListener("visibilitychange", refresh);
