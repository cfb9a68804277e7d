/** The page instance: opened by a page view, left when hidden, closed by navigation; its events are numbered. */

import { allowed, choose, level, settle, visitor } from "./consent";
import { engagement, restart } from "./engagement";
import { MAX_PINGS, SETTLE_MS } from "./limits";
import { push, resume } from "./queue";
import { random } from "./random";
import { safe } from "./safe";
import { read } from "./storage";
import {
  type Body,
  FULL,
  type Level,
  LEVELS,
  MAX_EVENTS_PER_PAGE,
  MAX_INTERESTS,
  MAX_LABEL,
  MAX_TITLE,
  OFF,
} from "./wire";

export let page: string | undefined;
let n = 0;
let url = "";
let referrer = document.referrer;
let present = false;
let ended = false; // pagehide was seen: whatever is shown next is another page
let counted = false; // a page view was made since the last navigation

/** As long as the collector takes it. Fragments never leave the browser. */
const address = (): string => location.href.match(/[^#]{1,4096}/)![0];

const interests = (): string[] | undefined =>
  document
    .querySelector<HTMLMetaElement>('meta[name="wakeline:interest"]')
    ?.content.split(",", MAX_INTERESTS)
    .map((interest) => interest.trim().slice(0, MAX_LABEL))
    .filter((interest) => interest);

/** The page's first event begins its instance. */
function emit(type: string, body: Body, at = level): void {
  if (!page) {
    page = random();
    n = 0;
    restart();
  }
  if (n < MAX_EVENTS_PER_PAGE) push({ type, page, n: n++, time: Date.now(), url, visitor, ...body }, at);
}

/** What the site itself has to say, as soon as there is a page that it belongs to. */
export function tell(type: string, body: Body): void {
  open();
  if (page) emit(type, body);
}

/** What holds now, for a page that is about to begin. */
function look(): void {
  url = address();
  settle();
  resume();
}

/** Opens a page where none is open, the visitor sees it and allows it. */
export function open(): void {
  if (page || document.hidden) return;
  look();
  if (level > OFF) {
    present = true;
    emit("page_view", {
      title: document.title.slice(0, MAX_TITLE),
      referrer,
      interests: interests(),
      continued: counted || undefined,
    });
    counted = true;
  }
}

/** Presence ends; the page may come back. */
export function leave(): void {
  if (!present) return;
  present = false;
  emit("engagement", engagement());
}

/** The page may go into the back/forward cache. It stays open for what the site sends while it goes. */
export function end(): void {
  leave();
  ended = true;
}

function close(): void {
  leave();
  page = undefined;
  referrer = url;
  counted = ended = false;
}

/** The address may have changed. */
export function navigate(): void {
  if (address() == url) return;
  close();
  setTimeout(safe(open), SETTLE_MS);
}

/** Visible, perhaps again; `first` is what was asked for before. */
export function show(first: () => void): void {
  if (ended) close();
  first();
  open();
  if (page && !present) {
    present = true;
    emit("ping", {});
  }
}

/** A sign of life. */
export function ping(): void {
  if (present && n < MAX_PINGS) emit("ping", {});
}

/** The visitor chose: the page closes under the old level and goes on under the new one. */
export function change(made: Level): void {
  if (!LEVELS.includes(made)) return;
  if (!page) look();
  choose(made);
  const next = allowed();
  if (next != level && (page || level == FULL)) {
    leave();
    emit("consent", { level: LEVELS[next]! }, next && level);
    page = undefined;
    look(); // at once, seen or not: an id that is not allowed any more is removed here
  }
  open();
}

/** Another tab may have changed what is allowed. It has told the collector; here only the page starts anew. */
export function follow(): void {
  if (allowed() == level && read("id") == visitor) return;
  page = undefined;
  present = false;
  open();
}
