/** Everything that happens by itself: what the page is told by its browser. */

import { drain, wakeline } from "./commands";
import { hidden, measure, scrolled } from "./engagement";
import { HOLD_MS, PING_MS } from "./limits";
import { watchNavigation } from "./navigation";
import { end, follow, held, leave, open, ping, restore, show } from "./page";
import { beacon, flush, wake } from "./queue";
import { listen, safe } from "./safe";

/** The first view, and what was called until now. */
const begin = (): void => {
  if (held) {
    drain();
    open();
  }
};

const see = (): void => {
  measure();
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
  wakeline.live = true;
  setTimeout(safe(begin), HOLD_MS);
  listen("click", begin); // by a key or a finger, too
  listen("visibilitychange", see);
  listen("pageshow", see);
  listen("pagehide", end);
  listen("focus", measure);
  listen("blur", measure);
  listen("scroll", scrolled);
  listen("storage", follow);
  listen("online", wake);
  watchNavigation();
  setInterval(
    safe(() => {
      measure();
      ping();
      flush();
    }),
    PING_MS,
  );
  see();
}
