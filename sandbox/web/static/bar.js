// What scripts add to the sandbox's bar, which works without them: that the time machine is at work is said at once, and
// an open menu is closed by Escape and by a press beside it.
"use strict";

const bar = document.querySelector(".sandbox-bar");

function close(except) {
  for (const menu of bar.querySelectorAll(".sandbox-menu[open]")) if (menu !== except) menu.open = false;
}

if (bar) {
  bar.addEventListener("submit", () => {
    const busy = bar.querySelector("[data-sandbox-busy]");
    busy.textContent = busy.dataset.sandboxBusy;
    bar.classList.add("at-work");
    close();
  });
  document.addEventListener("click", (event) => close(event.target.closest(".sandbox-menu")));
  bar.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest(".sandbox-menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  window.addEventListener("pageshow", () => {
    bar.querySelector("[data-sandbox-busy]").textContent = "";
    bar.classList.remove("at-work");
  });
}
