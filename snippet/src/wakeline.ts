/**
 * Wakeline's page side. In reading order: wire (the contract), tag (what the script tag says), consent, page
 * (what is sent when), engagement, navigation, queue (how it is sent), commands (what a site calls).
 */

import { drain, wakeline } from "./commands";
import { measure, measureScroll } from "./engagement";
import { PING_MS } from "./limits";
import { onNavigation } from "./navigation";
import { end, follow, leave, navigate, ping, show } from "./page";
import { beacon, flush } from "./queue";
import { listen, safe } from "./safe";

function see(): void {
  measure();
  if (document.hidden) {
    leave();
    beacon(); // here, since nothing later is sure to come
  } else show(drain);
}

if (!window.wakeline?.live) {
  window.wakeline = wakeline;
  wakeline.live = true;
  listen("visibilitychange", see);
  listen("pageshow", see);
  listen("pagehide", end);
  listen("focus", measure);
  listen("blur", measure);
  listen("scroll", measureScroll);
  listen("storage", follow);
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
