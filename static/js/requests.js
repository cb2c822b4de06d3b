// htmx requests: they carry the CSRF token, and a refusal is shown instead of vanishing.
import { csrfToken, words } from "./words.js";

function tell(text) {
  const place = document.getElementById("problem");
  if (!place) return;
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.dataset.level = "error";
  notice.textContent = text;
  place.replaceChildren(notice);
  place.focus();
}

export function requests() {
  const body = document.body;
  body.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = csrfToken();
  });
  body.addEventListener("htmx:beforeRequest", () => document.getElementById("problem")?.replaceChildren());
  body.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    const place = document.getElementById("problem");
    if (xhr.status < 400) return;
    if (xhr.status === 422) {
      event.detail.shouldSwap = true; // a form with its errors goes where the form stood
    } else if (xhr.responseText.includes("data-problem") && place) {
      event.detail.target = place; // the portal's own problem, with its reasons, never where the answer would go
      event.detail.swapOverride = "innerHTML";
      event.detail.shouldSwap = true;
    } else {
      tell(words("broken"));
    }
  });
  body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "problem") event.detail.target.focus();
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) body.addEventListener(name, () => tell(words("offline")));
}
