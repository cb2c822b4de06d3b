// Forms marked data-autosave save what was typed, one request at a time, and say honestly whether it is stored.
import { csrfToken, words } from "./words.js";

const PAUSE_MS = 800;

class Autosave {
  constructor(form) {
    this.form = form;
    this.status = form.querySelector("[data-save-status]") ?? document.querySelector("[data-save-status]");
    this.timer = 0;
    this.running = false;
    this.changed = false;
    form.addEventListener("input", () => this.soon(PAUSE_MS));
    form.addEventListener("change", () => this.soon(0));
    form.addEventListener("submit", () => {
      clearTimeout(this.timer);
      this.changed = false;
    });
    addEventListener("beforeunload", (event) => {
      if (this.changed) event.preventDefault();
    });
  }

  soon(delay) {
    this.changed = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), delay);
  }

  say(text, failed = false) {
    if (!this.status) return;
    this.status.textContent = text;
    this.status.toggleAttribute("data-failed", failed);
  }

  async save() {
    if (this.running) return; // the run under way looks again when it is done
    this.running = true;
    this.changed = false;
    this.say(words("saving"));
    try {
      const response = await fetch(this.form.dataset.autosave || this.form.action, {
        method: "POST",
        body: new FormData(this.form),
        headers: { "X-CSRFToken": csrfToken(), "X-Autosave": "1", Accept: "application/json" },
        redirect: "manual",
      });
      if (!response.ok) throw new Error(String(response.status));
      const clock = { timeStyle: "short", hourCycle: "h23", timeZone: words("zone") || undefined };
      const at = new Date().toLocaleTimeString([], clock);
      this.say(`${words("saved")} ${at}`);
    } catch {
      this.changed = true;
      this.say(words("notSaved"), true);
      this.running = false;
      return;
    }
    this.running = false;
    if (this.changed) this.soon(0);
  }
}

export function autosave() {
  for (const form of document.querySelectorAll("form[data-autosave]")) new Autosave(form);
}
