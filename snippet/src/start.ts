/** Everything that happens by itself: what the page is told by its browser. */

import { drain, wakeline } from "./commands";
import { watchNavigation } from "./navigation";
import { end, follow, held, leave, open, ping, restore, show } from "./page";
import { hidden, measure, scrolled } from "./engagement";
import { HOLD_MS, PING_MS } from "./limits";
import { listen, safe } from "./safe";
import { beacon, flush, retry, wake } from "./queue";

/** The first view, and what was called until now. */
const begin = (): void => {
  if (held) {
    drain(); // first, since a consent among it holds for the view
    open();
  }
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
  setTimeout(
    safe(() => {
      begin();
      flush(); // what earlier pages left behind, even where this one tells nothing
    }),
    HOLD_MS,
  );
  listen("pagehide", end);
  listen("blur", measure);
  listen("scroll", scrolled);
  listen("storage", follow); // another tab wrote
  listen("click", begin); // which a key or a finger makes, too; typing and scrolling end nothing
  listen("visibilitychange", see);
  listen("focus", see); // perhaps back from another tab, sooner than what it wrote is heard of
  listen("online", wake);
  watchNavigation();
  setInterval(
    safe(() => {
      measure();
      ping();
      retry();
    }),
    PING_MS,
  );
  measure();
}
