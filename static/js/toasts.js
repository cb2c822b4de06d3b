// Short messages at the foot of the page: they leave by themselves unless someone is reading or pointing at them.
import { words } from "./words.js";

const STAY_MS = 10_000;

function leave(toast) {
  if (toast.matches(":hover, :focus-within")) setTimeout(() => leave(toast), 2_000);
  else toast.remove();
}

function prepare(toast) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "toast-close";
  button.textContent = words("dismiss");
  button.addEventListener("click", () => toast.remove());
  toast.append(button);
  setTimeout(() => leave(toast), STAY_MS);
}

export function toast(text) {
  const place = document.getElementById("toasts");
  if (!place || !text) return;
  const made = document.createElement("div");
  made.className = "toast";
  const line = document.createElement("p");
  line.textContent = text;
  made.append(line);
  place.append(made);
  prepare(made);
}

export function toasts() {
  document.querySelectorAll("#toasts > .toast").forEach(prepare);
  document.body.addEventListener("toast", (event) => toast(event.detail?.text ?? ""));
}
