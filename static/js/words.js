// The page's own translated sentences, so that no script carries words of one language.
export function words(key) {
  return document.getElementById("words")?.dataset[key] ?? "";
}

export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}
