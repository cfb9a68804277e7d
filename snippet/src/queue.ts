/**
 * The queue of events. An entry is a text: the number of its consent level, then its JSON.
 *
 * Events that may be stored are in localStorage, for all tabs, until the collector has answered: the next page repeats
 * those handed to a beacon, whose outcome is unknown. The collector detects duplicates by (page, n). Tabs take turns with
 * a Web Lock.
 */

import { level } from "./consent";
import { FULL, LEVELS, MAX_EVENTS } from "./wire";
import { endpoint, settings } from "./tag";
import { debugging, say } from "./debug";
import {
  DOUBLINGS,
  FIRST_RETRY_MS,
  GATHER_MS,
  MAX_ASKED_MS,
  MAX_BATCH_CHARS,
  MAX_STORED,
  MAX_STORED_CHARS,
} from "./limits";
import { read, write } from "./storage";

let kept: string[] = []; // of this document, unacknowledged
let giveUp: ((error?: unknown) => void) | undefined; // aborts the current fetch
let pausedUntil = 0; // by performance.now(), as clocks may be set; Infinity from waiting for our turn until the answer
let failures = 0;
let left: string | number | undefined = 1; // the stored queue as last read; 1: read it again
let taken: string[] = []; // by the current fetch, or handed to a beacon

/** Below `full` nothing new is stored, so the storage is only read while something may be left in it. */
const stored = (): string[] => ((level == FULL || left) && (left = read("queue"))?.split("\n")) || [];

const without = (entries: string[], gone: string[]): string[] => entries.filter((entry) => !gone.includes(entry));

/** Under `full` everything is stored; below it only an unacknowledged withdrawal of `full`. */
const store = (entries: string[]): unknown =>
  write(
    "queue",
    (left = entries
      .filter((entry) => (level == FULL && entry.length < MAX_STORED_CHARS) || /^[02]{"type":"consent".*l":"[ao]/.test(entry))
      .slice(-MAX_STORED)
      .join("\n")),
  );

/** The entry is sent with the next flush. */
export const push = (entry: string): void => {
  if (level == FULL) store(stored().concat(entry));
  kept.push(entry); // in memory too: the site may clear the storage
}

/** Deletes entries that may no longer be stored, and sends those that earlier pages left. */
export const tidy = (): void => {
  left = 1;
  store(stored());
  if (left) soon();
};

/** The next batch, with the level of its first entry. */
const batch = (chars = 0, first?: string): string[] =>
  without(kept.concat(without(stored(), kept)), taken).filter(
    (entry, index) =>
      ((chars += entry.length) < MAX_BATCH_CHARS && (first ??= entry[0]) == entry[0] && index < MAX_EVENTS) || !index,
  );

const envelope = (entries: string[]): string =>
  `{"site":"${settings.site}","consent":"${LEVELS[entries[0]![0] as never]}","sent":${+new Date()},"webdriver":${!!navigator.webdriver},"events":[${entries.map((entry) => entry.slice(1))}]}`;

/**
 * Sends a batch, if there is one; the turn ends with the promise, which settles once: late answers to an aborted fetch
 * have no effect. Without async and await, which cost 50 us per event.
 */
const send = (): Promise<void> | undefined => {
  const sent = batch();
  // after an answer, which may say in how many seconds the collector wants to be asked again, or for want of one: the
  // network, a blocker, a collector that hangs
  const done = (asked?: unknown): void => {
    const wait =
      failures &&
      (Math.max(0, Math.min((asked as number) * 1000, MAX_ASKED_MS)) || FIRST_RETRY_MS << (failures % DOUBLINGS)) *
        (1 + Math.random());
    taken = without(taken, sent);
    pausedUntil = performance.now() + wait;
    if (kept[0] || left) setTimeout(flush, wait);
  };
  if (sent[0]) {
    taken.push(...sent);
    return new Promise<Response>((resolve, reject) => { // also catches a fetch that throws
      window.fetch(endpoint, {
        method: "POST",
        body: envelope(sent), // text/plain: no preflight
        keepalive: !failures++, // a failure may mean that the page's shared 64 KB are used up
      }).then(resolve, (giveUp = reject));
    }).then((answer) => {
      if (debugging) answer.text().then(say, say);
      // 408, 429 and 5xx; no server answers 450, 471 or 492
      if (answer.status < 500 && answer.status % 21 != 9) {
        failures = 0;
        if (left) store(without(stored(), sent));
        kept = without(kept, sent);
      }
      return failures && answer.headers.get("retry-after");
    }).catch(() => {}).then(done);
  }
  pausedUntil = 0;
  return;
};

export const flush = (): void => {
  // timers may be early: they use whole milliseconds, and Firefox's clock is coarse
  if (pausedUntil < performance.now() + 9) {
    pausedUntil = 1 / 0;
    // no locks on plain http or if storage is blocked; without stored events no turns are needed: holding a lock
    // removes this page from the back/forward cache as soon as another page requests it
    (level == FULL && navigator.locks?.request("wakeline", send).catch(send)) || send();
  }
};

/**
 * Simultaneous events share a request. While the visitor acts, more will follow, perhaps a navigation that becomes
 * a download: WebKit never answers requests that were in flight then.
 */
export const soon = async (): Promise<void> => {
  if (window.event) setTimeout(flush, GATHER_MS);
  else {
    await 0; // takes less than half the time of queueMicrotask
    flush();
  }
};

/** Periodically: a fetch without an answer may never get one, and no signal ends all that hang. */
export const retry = (): void => {
  left = 1; // a closed tab may have left a withdrawal
  giveUp?.();
  flush();
};

/** The network is back. */
export const wake = (): void => {
  pausedUntil = 0;
  flush();
}

/** Hands over all events not in flight: the page is closing, nobody will see an answer. */
export const beacon = (sent = batch()): void => {
  if (sent[0] && navigator.sendBeacon(endpoint, envelope(sent))) {
    taken.push(...sent);
    beacon();
  }
}
