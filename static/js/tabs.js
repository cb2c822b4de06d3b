// Tabs that do not all fit: the current one comes into view, and the edge behind which there are more is marked.
function mark(bar) {
  const left = bar.scrollLeft;
  const hidden = bar.scrollWidth - bar.clientWidth;
  bar.dataset.more = [left > 1 && "before", hidden - left > 1 && "after"].filter(Boolean).join(" ");
}

export function tabs() {
  for (const bar of document.querySelectorAll(".tabs")) {
    const current = bar.querySelector("[aria-current]");
    if (current) bar.scrollLeft = current.offsetLeft - bar.offsetLeft - (bar.clientWidth - current.offsetWidth) / 2;
    bar.addEventListener("scroll", () => mark(bar), { passive: true });
    new ResizeObserver(() => mark(bar)).observe(bar);
    mark(bar);
  }
}
