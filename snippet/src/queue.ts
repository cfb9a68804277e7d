/**
 * Events on their way to the collector. An entry is a text: the number of its consent level, then its JSON.
 *
 * What the visitor allowed to be stored lies in localStorage, for all tabs, until the collector has answered: the
 * next page sends again what was handed to a beacon, whose fate is unknown. The collector drops what it has seen by
 * (page, n). Tabs take turns by a Web Lock.
 */

import { level } from "./consent";
import { debugging, say } from "./debug";
import {
  DOUBLINGS,
  MAX_BATCH_CHARS,
  MAX_STORED,
  MAX_LATER_MS,
  TIMEOUT_MS,
} from "./limits";
import { read, write } from "./storage";
import { endpoint, settings } from "./tag";
import { FULL, LEVELS, MAX_EVENTS } from "./wire";

let kept: string[] = []; // here: what is not allowed into the storage, or does not get there
let taken: string[] = []; // by the fetch under way, or handed over to a beacon
let failures = 0;
let pause = 0; // until then nothing is tried; by performance.now(): clocks are set. No end while it is our turn or near

const stored = (): string[] => read("queue")?.match(/[^\n]+/g) || [];

const without = (entries: string[], gone: string[]): string[] => entries.filter((entry) => !gone.includes(entry));

/** Under `full` everything is stored; below it nothing but what took `full` back and has not been acknowledged. */
const store = (entries: string[]): void =>
  write(
    "queue",
    entries
      .filter((entry) => level == FULL || /^[02]{"type":"consent"/.test(entry))
      .slice(-MAX_STORED)
      .join("\n"),
  );

/** `entry` is no longer than MAX_CHARS. It goes with the next flush. */
export const push = (entry: string): void => {
  store([...stored(), entry]);
  if (!stored().includes(entry)) kept.push(entry);
}

/** The storage is about to forget what is still to be sent. */
export const keep = (): void => {
  kept.push(...stored());
};

/** Lets go of what is not allowed in the storage any more. */
export const tidy = (): void => store(stored());

/** The next batch, all of one level. */
const batch = (): string[] => {
  let chars = 0;
  const waiting = without([...kept, ...without(stored(), kept)], taken);
  return waiting.filter(
    (entry, index) =>
      ((chars += entry.length) < MAX_BATCH_CHARS && entry[0] == waiting[0]![0] && index < MAX_EVENTS) || !index,
  );
}

const envelope = (entries: string[]): string =>
  `{"site":"${settings.site}","consent":"${LEVELS[entries[0]![0] as never]}","sent":${Date.now()},"webdriver":${!!navigator.webdriver},"events":[${entries.map((entry) => entry.slice(1))}]}`;

const send = async (): Promise<void> => {
  const sent = batch();
  let wait = 0;
  if (sent[0]) {
    taken.push(...sent);
    try {
      const answer = await fetch(endpoint, {
        method: "POST",
        body: envelope(sent), // text/plain: no preflight
        keepalive: !failures, // it may be the page's shared 64 KB that are used up
        signal: AbortSignal.timeout?.(TIMEOUT_MS),
      });
      if (debugging) say(await answer.text());
      // 408, 429 and 5xx
      if (/4.[89]|5../.test(answer.status as never)) throw answer.headers.get("retry-after");
      failures = 0;
      store(without(stored(), sent));
      kept = without(kept, sent);
    } catch (error) {
      // the network, a blocker, a collector that hangs or that says when it wants to be asked again
      const later = Math.max(0, (Date.parse(error as string) - Date.now()) % MAX_LATER_MS);
      wait = (+(error as string) * 1000 || later || 1000 * 2 ** (failures++ % DOUBLINGS)) * (1 + Math.random());
    }
    taken = without(taken, sent);
  }
  pause = performance.now() + wait;
  if (batch()[0]) setTimeout(flush, wait + 99); // a timer may be early
}

export const flush = (): void => {
  // A turn that nothing needs would put this page out of the back/forward cache as soon as another asks for one.
  if (performance.now() >= pause && batch()[0]) {
    pause = 1 / 0;
    // no locks on plain http, nor where storage is blocked, and no need for one where nothing is stored
    (stored()[0] && navigator.locks?.request("wakeline", send).catch(send)) || send();
  }
};

/** The network is back. */
export const wake = (): void => {
  pause = 0;
  flush();
}

/** Hands over everything that is not under way: the page is going, nobody will see an answer. */
export const beacon = (sent = batch()): void => {
  if (sent[0] && navigator.sendBeacon(endpoint, envelope(sent))) {
    taken.push(...sent);
    beacon();
  }
}
