/** The page instance: opened by a page view, left when hidden, closed by navigation; its events are numbered. */

import { allowed, choose, forget, level, settle, visitor } from "./consent";
import { say } from "./debug";
import { engaged, engagement, restart } from "./engagement";
import { MAX_PINGS, SETTLE_MS } from "./limits";
import { keep, push, resume } from "./queue";
import { random } from "./random";
import { safe } from "./safe";
import { read } from "./storage";
import { hash } from "./tag";
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

export let page: string | undefined;
let n: number;
let url = "";
let referrer = document.referrer;
let present: boolean | undefined;
let ended: boolean | undefined; // pagehide was seen: whatever is shown next is another page
let counted: boolean | undefined; // a page view was made since the last navigation

/** Fragments never leave the browser, but where they are the route. */
const address = (): string => location.href.replace(hash ?? /#.*/, "");

const interests = (): string[] | undefined =>
  document
    .querySelector<HTMLMetaElement>('[name="wakeline:interest"]')
    ?.content.split(",");

/** What may look at every event, change it, or return nothing to drop it. */
export const hook = { edit: (event: WireEvent): WireEvent | undefined => event };

/** The page's first event begins its instance. */
const emit = (type: string, body?: Body, at = level): void => {
  if (!page) {
    page = random();
    n = 0;
    restart();
  }
  const event = hook.edit({ type, page, n, time: Date.now(), url, visitor, ...body });
  if (n++ < MAX_EVENTS_PER_PAGE && event) push(event, at);
}

/** What the site itself has to say, as soon as there is a page that it belongs to. */
export const tell = (type: string, body: Body, least: number = OFF): void => {
  open();
  if (page && level >= least) emit(type, body);
  else say("refused");
}

export const custom = (type: string, props?: Props): void => tell(type, { props });

/** What holds now, for a page that is about to begin. */
const look = (): void => {
  url = address();
  settle();
  resume();
}

/** Opens a page where none is open, the visitor sees it and allows it. */
export const open = (): void => {
  if (page || document.hidden) return;
  look();
  if (level > OFF) {
    present = true;
    emit("page_view", {
      title: document.title,
      referrer,
      interests: interests(),
      continued: counted,
    });
    counted = true;
  }
}

/** Presence ends; the page may come back. */
export const leave = (): void => {
  if (!present) return;
  present = false;
  emit("engagement", engagement(true));
}

/** The page may go into the back/forward cache. It stays open for what the site sends while it goes. */
export const end = (): void => {
  leave();
  ended = true;
}

const close = (): void => {
  leave();
  page = undefined;
  referrer = url;
  counted = ended = false;
}

/** The address may have changed. Replacing only the query is no navigation: filters and cursors do that. */
export const navigate = (kind?: unknown): void => {
  const to = address();
  if (to == url || (kind == "replace" && to.split("?")[0] == url.split("?")[0])) url = to;
  else {
    close();
    setTimeout(
      safe(() => {
        if (address() == to) open(); // else it went on
      }),
      SETTLE_MS,
    );
  }
};

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
  if (present && n < MAX_PINGS)
    if (engaged && !document.hasFocus()) emit("engagement", engagement(false));
    else emit("ping");
}

/** The visitor chose: the page closes under the old level and goes on under the new one. */
export const change = (made: Level): void => {
  if (LEVELS.includes(made)) {
    if (!page) look();
    choose(made);
    const next = allowed();
    if (next != level && (page || level == FULL)) {
      leave();
      emit("consent", { level: LEVELS[next]! }, next && level);
      page = undefined;
      keep();
      look(); // at once, seen or not: an id that is not allowed any more is removed here
    }
    open();
  }
}

/** Another tab may have changed what is allowed. It has told the collector; here only the page starts anew. */
export const follow = (): void => {
  if (allowed() == level && read("id") == visitor) return;
  page = undefined;
  present = false;
  open();
}

/** Somebody else may be at this device from now on. */
export const reset = (): void => {
  leave();
  forget();
  page = undefined;
  open();
}
