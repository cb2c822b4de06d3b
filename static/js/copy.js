// Copy buttons: they copy the whole value, unfold what was shortened, and say so.
import { toast } from "./toasts.js";
import { words } from "./words.js";

export function copying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    button.toggleAttribute("data-open", true);
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      toast(words("copied"));
    } catch {
      // Without the clipboard's permission the unfolded text is selected, ready for the keyboard.
      const target = button.querySelector("code");
      if (target) getSelection().selectAllChildren(target);
    }
  });
}
