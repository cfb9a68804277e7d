/** The page instance: opened by a page view, left when hidden, closed by navigation; its events are numbered. */

import { engaged, hidden, restart, since, spent, told } from "./engagement";
import { doc } from "./document";
import { PINGS_BELOW, SETTLE_MS } from "./limits";
import { read, write } from "./storage";
import { cutAt, settings } from "./tag";
import { safe } from "./safe";
import { allowed, forget, level, settle, visitor, wanted } from "./consent";
import { push, soon, tidy } from "./queue";
import {
  type Body,
  FULL,
  type Level,
  LEVELS,
  MAX_EVENTS_PER_PAGE,
  OFF,
  type Props,
  type WireEvent,
} from "./wire";
import { random } from "./random";
import { say } from "./debug";

let n: number;
let url = "";
let present: boolean | undefined;
let counted: boolean | undefined; // a page view was made since the last navigation; undefined: neither was there yet
let ended: boolean | undefined; // pagehide was seen: whatever is shown next is another page
export let page = ""; // none is open
let referrer = doc("referrer");

/** The first view of a document that is seen waits for routers that redirect at load, and with it what the site calls. */
export let held = !hidden;

/** Nothing is cut of a path and query that a server takes: the site's masks look at all of it. */
const address = (): string => location.href.split(cutAt)[0]!;

const interests = (): string | undefined =>
  (doc("querySelector").call(document, '[name="wakeline:interest"]') as HTMLMetaElement | null)?.content;

/** What may look at every event, change it, or return nothing to drop it. */
export const hook = { edit: (event: WireEvent): WireEvent | undefined => event };

/** The page's first event begins its instance. */
const emit = (type: string, body?: Body, at = level): void => {
  if (!page) {
    page = random();
    n = 0;
    if (!held) restart(); // the first one's engaged time counts from the start
  }
  const event = hook.edit({ type, page, n, time: +new Date(), url, visitor, ...body });
  say(event);
  // the last number is the visitor's, to choose with
  if (event && (n < MAX_EVENTS_PER_PAGE - 1 || body?.level)) {
    push(at + JSON.stringify(event));
    n++;
    if (body?.leave == null) soon();
    else told(); // engagement goes with what comes next
  } else say({ refused: type });
}

/**
 * Another tab may have changed what is allowed, and has told the collector; here the page only ends, without an event.
 * Looked for before an event of who has an id, a navigation and a choice, on focus, hide and show, with each sign of life.
 */
export const follow = (): void => {
  if (allowed() != level || visitor != (read("id") || visitor)) {
    page = "";
    present = false;
  }
};

/** What the site itself has to say, as soon as there is a page that it belongs to. */
export const tell = (type: string, body: Body, least: number = OFF): void => {
  visitor && follow();
  open();
  if (page && level >= least) emit(type, body);
  else say({ refused: type });
}

export const custom = (type: string, props?: Props): void => tell(type, { props });

/**
 * Makes what is allowed hold. Where that is another level than before, the page closes under the old one and goes on
 * under the new one; an id that is not allowed any more is told so, and removed.
 */
const adjust = (): void => {
  if (allowed() != level && (page || (level == FULL && read("id")))) {
    leave();
    emit("consent", { level: LEVELS[wanted]! }, wanted && level);
    page = "";
  }
  settle();
  tidy();
};

/** What holds now, for a page that is about to begin. */
const look = (): void => {
  url = address();
  adjust();
};

/** Opens a page where none is open, the visitor sees it, or saw it while it was held, and allows it. */
export const open = (): void => {
  if (page || (hidden && !held)) return;
  look();
  if (level > OFF) {
    present = true;
    emit("page_view", {
      title: doc("title"),
      referrer,
      interests: interests(),
      continued: counted,
    });
    counted = true;
  }
  held = false;
};

/** Presence ends; the page may come back. Said first and noted then: what is cut off is done again. */
export const leave = (): void => {
  if (present) emit("engagement", spent(true));
  present = false;
}

/** The page may go into the back/forward cache. It stays open for what the site sends while it goes. */
export const end = (): void => {
  ended = true;
}

const close = (): void => {
  leave();
  page = "";
  referrer = url;
  counted = ended = false;
}

/** The address may have changed. Replacing only the query is no navigation: filters and cursors do that. */
export const navigate = safe(({ navigationType }: { navigationType?: string | null }): void => {
  if (held) return; // it is the first view's
  follow();
  const to = address();
  // replace, by the Navigation API, or replaceState
  if (to == url || (/^re/.test(navigationType as string) && to.split("?")[0] == url.split("?")[0])) url = to;
  else {
    close();
    setTimeout(
      safe(() => {
        if (address() == to) open(); // else it went on
      }),
      SETTLE_MS,
    );
  }
});

/** Visible again: where it was gone before, another page begins. */
export const restore = (): void => {
  if (ended) close();
}

/** Visible. */
export const show = (): void => {
  open();
  if (page && !present) {
    present = true;
    emit("ping");
  }
}

/** A sign of life. Where the focus went elsewhere it says what was engaged until then. */
export const ping = (): void => {
  if (present && n < PINGS_BELOW)
    if (engaged && !since) emit("engagement", spent(false));
    else emit("ping");
}

/** The visitor chose. First what other tabs chose is taken over, so that an id which only they know is withdrawn too. */
export const change = (made: Level): void => {
  if (LEVELS.includes(made)) {
    follow();
    look(); // where no page is open there is no address yet that a withdrawal is told of
    write("consent", (settings.consent = made));
    adjust();
    open();
  }
}

/** Somebody else may be at this device from now on. */
export const reset = (): void => {
  follow();
  leave();
  forget();
  page = "";
  open();
}
