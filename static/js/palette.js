// The command palette: Ctrl-K or Cmd-K opens it, arrows walk through what was found, Enter goes there.
export function palette() {
  const dialog = document.getElementById("palette");
  if (!(dialog instanceof HTMLDialogElement)) return;
  const field = dialog.querySelector("input");
  const links = () => [...dialog.querySelectorAll("a.hit")];

  function open() {
    if (!dialog.open) dialog.showModal();
    field.focus();
    field.select();
    dialog.querySelector("form").dispatchEvent(new Event("palette:open"));
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) dialog.close();
      else open();
    }
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-palette]");
    if (opener && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      open();
    } else if (event.target === dialog) {
      dialog.close(); // the backdrop is the dialog itself
    }
  });
  dialog.addEventListener("keydown", (event) => {
    const found = links();
    const here = found.indexOf(document.activeElement);
    if (event.key === "Enter" && event.target === field) {
      event.preventDefault();
      if (found.length) location.assign(found[0].href);
    } else if (event.key === "ArrowDown" && found.length) {
      event.preventDefault();
      found[Math.min(here + 1, found.length - 1)].focus();
    } else if (event.key === "ArrowUp") {
      event.preventDefault();
      if (here > 0) found[here - 1].focus();
      else field.focus();
    }
  });
}
