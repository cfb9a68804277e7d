/** Client-side navigation: the Navigation API, else patched history and popstate. */

import { navigate } from "./page";
import { listen } from "./safe";

export const watchNavigation = (): void => {
  // `window.navigation` may be an element with that id, and its properties others.
  if (window.navigation?.back?.call!) navigation.addEventListener("currententrychange", navigate);
  else {
    listen("popstate", navigate);
    for (const kind of ["push", "replace"] as const) {
      const original = history[`${kind}State`];
      history[`${kind}State`] = (...args) => {
        original.apply(history, args);
        navigate({ navigationType: kind });
      };
    }
  }
};
