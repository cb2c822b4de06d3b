// Keys in a list: j and k walk through the rows, Enter opens one, x chooses it. The list stays a plain table without.
import { typing } from "./keys.js";

const rows = () => [...document.querySelectorAll("[data-keys] > tr")];

function walk(step) {
  const all = rows();
  if (!all.length) return false;
  const here = all.findIndex((row) => row.hasAttribute("data-here"));
  const next = all[Math.min(Math.max(here + step, 0), all.length - 1)];
  all[here]?.removeAttribute("data-here");
  next.setAttribute("data-here", "");
  next.querySelector("th a")?.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function choose() {
  const box = document.querySelector("[data-keys] > tr[data-here] input[type=checkbox]");
  box?.click();
  return Boolean(box);
}

function mark(box) {
  box.closest("tr")?.setAttribute("aria-selected", String(box.checked));
  const bulk = document.querySelector("[data-bulk]");
  if (bulk && document.querySelector("[data-keys] input:checked")) bulk.open = true;
}

export function rowKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) && event.target.type !== "checkbox") return;
    // Enter needs nothing here: the row's link has the focus.
    const done = { j: () => walk(1), k: () => walk(-1), x: choose }[event.key]?.();
    if (done) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-keys] input[type=checkbox]")) mark(event.target);
  });
  // One menu at a time, and none after a click beside it.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
