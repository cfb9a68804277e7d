/** Automatic behaviour: listeners for browser events. */

import { drain, wakeline } from "./commands";
import { end, follow, held, leave, open, ping, restore, show } from "./page";
import { beacon, retry, wake } from "./queue";
import { watchNavigation } from "./navigation";
import { hidden, measure, scrolled } from "./engagement";
import { listen, safe } from "./safe";
import { HOLD_MS, PING_MS } from "./limits";

/** The first view, and earlier calls. */
const begin = (): void => {
  if (held) {
    drain(); // first, since a consent among them applies to the view
    open();
  }
};

/** Firefox may abort the script once, anywhere, while it closes a tab: `see` then does the rest. */
const go = (): void => {
  follow();
  begin();
  leave();
  end();
  beacon(); // last: a page may have made it throw
};

const see = (): void => {
  measure();
  follow();
  if (hidden) {
    begin(); // it was visible
    leave();
    beacon(); // here, as later code may not run
  } else if (!held) {
    restore();
    drain();
    show();
  }
}

export const start = (): void => {
  window.wakeline = wakeline;
  wakeline.q = 0;
  setTimeout(safe(begin), HOLD_MS);
  listen("online", wake);
  listen("pagehide", go);
  listen("click", begin); // also triggered by keys and touch; typing and scrolling do not end the wait
  listen("blur", measure);
  listen("focus", see); // perhaps back from another tab
  listen("visibilitychange", see);
  listen("scroll", scrolled);
  watchNavigation();
  setInterval(
    safe(() => {
      measure();
      follow();
      ping();
      retry();
    }),
    PING_MS,
  );
  measure();
}
