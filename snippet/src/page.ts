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
let counted: boolean | undefined; // a page view was sent since the last navigation; undefined: neither has happened yet
let ended: boolean | undefined; // pagehide was seen: the next time it is shown it is another page
export let page = ""; // empty: none is open
let referrer = doc("referrer");

/** The first view of a visible document waits for routers that redirect at load, as do the site's calls. */
export let held = !hidden;

/** Path and query are not cut: the site's masks apply to all of it. */
const address = (): string => location.href.split(cutAt)[0]!;

const interests = (): string | undefined =>
  (doc("querySelector").call(document, '[name="wakeline:interest"]') as HTMLMetaElement | null)?.content;

/** A hook that may change each event, or return nothing to drop it. */
export const hook = { edit: (event: WireEvent): WireEvent | undefined => event };

/** The page's first event starts its instance. */
const emit = (type: string, body?: Body, at = level): void => {
  if (!page) {
    page = random();
    n = 0;
    if (!held) restart(); // the first page's engaged time counts from the start
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
 * Another tab may have changed the level and informed the collector; here the page only ends, without an event.
 * Checked before each event of a visitor with an id, each navigation and choice, on focus, hide and show, and with each ping.
 */
export const follow = (): void => {
  if (allowed() != level || visitor != (read("id") || visitor)) {
    page = "";
    present = false;
  }
};

/** The site's own calls, once there is a page for them. */
export const tell = (type: string, body: Body, least: number = OFF): void => {
  visitor && follow();
  open();
  if (page && level >= least) emit(type, body);
  else say({ refused: type });
}

export const custom = (type: string, props?: Props): void => tell(type, { props });

/**
 * Applies the allowed level. If it changed, the page closes under the old level and continues under the new one; an id
 * that is no longer allowed is reported and deleted.
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

/** Applies the current level before a page begins. */
const look = (): void => {
  url = address();
  adjust();
};

/** Opens a page if none is open, it is (or was, while delayed) visible, and the level allows it. */
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

/** The visitor leaves; the page may return. It is sent before it is recorded: an interrupted call is repeated. */
export const leave = (): void => {
  if (present) emit("engagement", spent(true));
  present = false;
}

/** The page may enter the back/forward cache. It stays open for events that the site sends while leaving. */
export const end = (): void => {
  ended = true;
}

const close = (): void => {
  leave();
  page = "";
  referrer = url;
  counted = ended = false;
}

/** The URL may have changed. Replacing only the query is not a navigation: filters and cursors do that. */
export const navigate = safe(({ navigationType }: { navigationType?: string | null }): void => {
  if (held) return; // it belongs to the first view
  follow();
  const to = address();
  // replace by the Navigation API, or replaceState
  if (to == url || (/^re/.test(navigationType as string) && to.split("?")[0] == url.split("?")[0])) url = to;
  else {
    close();
    setTimeout(
      safe(() => {
        if (address() == to) open(); // otherwise it changed again
      }),
      SETTLE_MS,
    );
  }
});

/** Visible again: if it had ended, another page begins. */
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

/** A ping. If the focus has moved elsewhere, it reports the engaged time until then. */
export const ping = (): void => {
  if (present && n < PINGS_BELOW)
    if (engaged && !since) emit("engagement", spent(false));
    else emit("ping");
}

/** What was agreed to; see `wire`. */
export type Choice = Pick<Body, "version" | "wording" | "purposes">;

/**
 * A choice. Choices in other tabs are applied first, so that an id known only to them is withdrawn too. What was agreed
 * to is told under the level that applies from then on, except under `off`.
 */
export const change = (made: Level, choice?: Choice): void => {
  if (LEVELS.includes(made)) {
    follow();
    look(); // without an open page there is no URL yet for a withdrawal
    write("consent", (settings.consent = made));
    adjust();
    open();
    // the page's last number stays the withdrawal's
    if (choice && n < MAX_EVENTS_PER_PAGE - 1)
      tell("consent", { level: LEVELS[level]!, version: choice.version, wording: choice.wording, purposes: choice.purposes });
  }
}

/** From now on another person may use this device. */
export const reset = (): void => {
  follow();
  leave();
  forget();
  page = "";
  open();
}
