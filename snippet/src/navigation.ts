/** Client-side navigation: the Navigation API, else patched history and popstate. */

import { listen, safe } from "./safe";

export function onNavigation(run: () => void): void {
  // `window.navigation` alone may be an element with that id.
  if (window.navigation?.currentEntry) return listen("currententrychange", run, navigation);
  listen("popstate", run);
  const changed = safe(run);
  for (const method of ["pushState", "replaceState"] as const) {
    const original = history[method];
    history[method] = (...args) => {
      original.apply(history, args);
      changed();
    };
  }
}
