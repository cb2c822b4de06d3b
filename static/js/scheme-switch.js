// The choice between the system's scheme, light and dark; kept in this browser only.
export function scheme() {
  const root = document.documentElement;
  for (const box of document.querySelectorAll("[data-scheme-switch]")) {
    box.hidden = false;
    const now = root.dataset.scheme ?? "";
    for (const choice of box.querySelectorAll('input[name="scheme"]')) choice.checked = choice.value === now;
    box.addEventListener("change", (event) => {
      const { value } = event.target;
      if (value) root.dataset.scheme = value;
      else delete root.dataset.scheme;
      try {
        if (value) localStorage.setItem("scheme", value);
        else localStorage.removeItem("scheme");
      } catch {
        // Storage may be forbidden: the choice then holds for this page.
      }
      document.dispatchEvent(new CustomEvent("schemechange"));
    });
  }
}
