/** Everything that happens by itself: what the page is told by its browser. */

import { drain, wakeline } from "./commands";
import { end, follow, held, leave, open, ping, restore, show } from "./page";
import { beacon, retry, wake } from "./queue";
import { watchNavigation } from "./navigation";
import { hidden, measure, scrolled } from "./engagement";
import { listen, safe } from "./safe";
import { HOLD_MS, PING_MS } from "./limits";

/** The first view, and what was called until now. */
const begin = (): void => {
  if (held) {
    drain(); // first, since a consent among it holds for the view
    open();
  }
};

/** Firefox may cut off our script once, anywhere, while it closes a tab: `see` then does what is not done yet. */
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
    begin(); // it was seen
    leave();
    beacon(); // here, since nothing later is sure to come
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
  listen("click", begin); // which a key or a finger makes, too; typing and scrolling end nothing
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
