// Keyboard: "/" goes to the search field, "g h" home, "g u" to the use cases, "?" shows the keys. Never while someone is typing.
const PLACES = { h: "/", u: "/use-cases/" };
const PAUSE_MS = 1_000;

export function typing(target) {
  // A dialog that was just closed may hold the focus until the next frame: nobody types there any more.
  return target.isContentEditable || target.closest?.("input, textarea, select, dialog[open], [role=textbox]");
}

export function keys() {
  let went = 0;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      const search = document.querySelector('input[type="search"]');
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "g") {
      went = event.timeStamp;
    } else if (event.key === "?") {
      document.getElementById("keys-help")?.showModal();
    } else if (PLACES[event.key] && went && event.timeStamp - went < PAUSE_MS) {
      went = 0;
      location.assign(PLACES[event.key]);
    } else {
      went = 0;
    }
  });
}
