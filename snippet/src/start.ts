/** Everything that happens by itself: what the page is told by its browser. */

import { drain, wakeline } from "./commands";
import { measure } from "./engagement";
import { PING_MS } from "./limits";
import { onNavigation } from "./navigation";
import { end, follow, leave, navigate, ping, restore, show } from "./page";
import { beacon, flush, wake } from "./queue";
import { listen, safe } from "./safe";

const see = (): void => {
  measure();
  if (document.hidden) {
    leave();
    beacon(); // here, since nothing later is sure to come
  } else {
    restore();
    drain();
    show();
  }
}

export const start = (): void => {
  window.wakeline = wakeline;
  wakeline.live = true;
  listen("visibilitychange", see);
  listen("pageshow", see);
  listen("pagehide", end);
  listen("focus", measure);
  listen("blur", measure);
  listen("scroll", measure);
  listen("storage", follow);
  listen("online", wake);
  onNavigation(navigate);
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
