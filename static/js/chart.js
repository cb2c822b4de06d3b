// Draws the figures the server sends; colours come from the page's tokens and follow its scheme.
import { words } from "./words.js";

const RULES = { showSendToCloud: false, plotlyServerURL: "", displaylogo: false, responsive: true, displayModeBar: false };
const TOKEN = /^var\(--([a-z0-9-]+)\)$/;
const drawn = new Map();

// A custom property holds light-dark(…) as written; only a real property resolves it to a colour.
function resolver() {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const known = new Map();
  const resolve = (name) => {
    if (!known.has(name)) {
      const property = name === "sans" ? "font-family" : "color";
      probe.style.setProperty(property, `var(--${name})`);
      known.set(name, getComputedStyle(probe).getPropertyValue(property));
    }
    return known.get(name);
  };
  return { resolve, done: () => probe.remove() };
}

function coloured(value, resolve) {
  if (Array.isArray(value)) return value.map((item) => coloured(item, resolve));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, resolve)]));
  }
  const token = typeof value === "string" && TOKEN.exec(value);
  return token ? resolve(token[1]) : value;
}

async function draw(place, figure) {
  const { resolve, done } = resolver();
  const { data, layout } = coloured({ data: figure.data, layout: figure.layout }, resolve);
  done();
  await globalThis.Plotly.react(place, data, { ...layout, autosize: true }, { ...figure.config, ...RULES });
}

async function start(place) {
  try {
    const response = await fetch(place.dataset.chartUrl, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const figure = await response.json();
    drawn.set(place, figure);
    await draw(place, figure);
  } catch {
    place.textContent = words("noChart");
    place.closest("figure")?.querySelector("details")?.setAttribute("open", "");
  }
}

function redraw() {
  for (const [place, figure] of drawn) {
    if (place.isConnected) draw(place, figure);
    else drawn.delete(place);
  }
}

function startAll(root) {
  for (const place of root.querySelectorAll("[data-chart-url]")) if (!drawn.has(place)) start(place);
}

// Paper cannot unfold the numbers.
function onPaper(event) {
  for (const place of drawn.keys()) {
    const numbers = place.closest("figure")?.querySelector("details");
    if (!numbers) continue;
    if (event.type === "beforeprint") numbers.dataset.was = numbers.open ? "open" : "";
    numbers.open = event.type === "beforeprint" || numbers.dataset.was === "open";
  }
}

startAll(document);
addEventListener("beforeprint", onPaper);
addEventListener("afterprint", onPaper);
document.body.addEventListener("htmx:load", (event) => startAll(event.detail.elt.parentElement ?? document));
document.addEventListener("schemechange", redraw);
for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", redraw);
