/** Client-side navigation: the Navigation API, else patched history and popstate. */

import { listen, safe } from "./safe";

/** `run` is told whether it was a "push" or "replace", else something that goes through the history. */
export const onNavigation = (run: (kind?: unknown) => void): void => {
  // `window.navigation` alone may be an element with that id.
  if (window.navigation?.currentEntry)
    return navigation.addEventListener(
      "currententrychange",
      safe((event: NavigationCurrentEntryChangeEvent) => run(event.navigationType!)),
    );
  listen("popstate", run);
  const changed = safe(run);
  for (const kind of ["push", "replace"] as const)
    history[(kind + "State") as "pushState"] = new Proxy(history[(kind + "State") as "pushState"], {
      apply(original, self, args) {
        original.apply(self, args as Parameters<History["pushState"]>);
        changed(kind);
      },
    });
}
