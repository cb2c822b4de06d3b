// Applies the chosen light or dark scheme before the first paint, so that no page flashes the other one.
"use strict";
try {
  const scheme = localStorage.getItem("scheme");
  if (scheme === "light" || scheme === "dark") document.documentElement.dataset.scheme = scheme;
} catch {
  // Storage may be forbidden; then the system's scheme stands.
}
