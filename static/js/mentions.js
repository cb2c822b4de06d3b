// People suggested for a mention: choosing one completes the word being typed.
export function mentions() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-mention]");
    const list = button?.closest("[data-mentions]");
    const area = list && document.getElementById(list.dataset.mentions);
    if (!area) return;
    const caret = area.selectionStart;
    const before = area.value.slice(0, caret).replace(/@[\w.+-]*$/, `@${button.dataset.mention} `);
    area.value = before + area.value.slice(caret);
    area.setSelectionRange(before.length, before.length);
    area.focus();
    list.replaceChildren();
  });
}
