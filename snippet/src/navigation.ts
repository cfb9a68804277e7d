/** Client-side navigation: the Navigation API, otherwise patched history methods. */

import { navigate } from "./page";
import { listen } from "./safe";

const patch = (name: "pushState" | "replaceState"): void => {
  const original = history[name];
  history[name] = (...args) => {
    original.apply(history, args);
    navigate({ navigationType: name });
  };
};

export const watchNavigation = (): void => {
  listen("popstate", navigate);
  // `window.navigation` may be an element with that id, with other properties.
  window.navigation?.back?.call!
    ? window.navigation.addEventListener("currententrychange", navigate)
    : (["pushState", "replaceState"] as const).forEach(patch);
};
