// Forms that htmx saves by itself (data-autosave): they say what is not stored yet, and leaving sends the rest after.
import { csrfToken, words } from "./words.js";

class Autosave {
  constructor(form) {
    this.form = form;
    this.kept = this.typed();
    this.sent = null;
    this.status = 200;
    form.addEventListener("input", () => this.tell());
    form.addEventListener("htmx:beforeRequest", () => {
      this.sent = this.typed();
      this.say(words("saving"));
    });
    form.addEventListener("htmx:afterRequest", (event) => this.answered(event.detail));
  }

  typed() {
    const data = new FormData(this.form);
    return JSON.stringify([data.get("value"), data.get("unsure")]);
  }

  get pending() {
    return this.typed() !== this.kept;
  }

  // The portal read it and said no: only the person can go on, so it is not sent again behind their back.
  get refused() {
    return this.status >= 400 && this.status < 500;
  }

  // What would be lost: text that could not be stored, and text typed on while an older one is on its way,
  // for which a second request could overtake the first.
  get atRisk() {
    const ahead = this.sent !== null && this.sent !== this.typed();
    return this.pending && (this.status !== 200 || ahead);
  }

  answered({ successful, xhr }) {
    if (successful) this.kept = this.sent;
    this.sent = null;
    this.status = successful ? 200 : xhr.status;
    if (!successful && !this.refused) this.say(words("notSaved"), true);
    else this.tell();
  }

  tell() {
    if (this.pending && !this.refused) this.say(words("unsaved"));
  }

  say(text, failed = false) {
    const place = this.form.querySelector("[data-save-status]");
    if (!place) return;
    place.textContent = text;
    place.toggleAttribute("data-failed", failed);
  }

  sendAfter() {
    fetch(this.form.action, {
      method: "POST",
      body: new FormData(this.form),
      headers: { "X-CSRFToken": csrfToken(), "HX-Request": "true" },
      keepalive: true,
    });
  }
}

export function autosave() {
  const forms = [...document.querySelectorAll("form[data-autosave]")].map((form) => new Autosave(form));
  if (!forms.length) return;
  let left = false;
  addEventListener("beforeunload", (event) => {
    if (forms.some((form) => form.atRisk)) event.preventDefault();
  });
  addEventListener("pagehide", () => {
    for (const form of forms.filter((each) => each.pending && !each.refused)) {
      form.sendAfter();
      left = true;
    }
  });
  // Back from the browser's memory the page would not know what it has sent.
  addEventListener("pageshow", (event) => {
    if (event.persisted && left) location.reload();
  });
}
