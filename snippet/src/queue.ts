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
  GATHER_MS,
  MAX_BATCH_CHARS,
  MAX_CHARS,
  MAX_STORED,
  MAX_WAIT_S,
  TIMEOUT_MS,
} from "./limits";
import { read, write } from "./storage";
import { endpoint, site } from "./tag";
import { FULL, LEVELS, MAX_EVENTS } from "./wire";

let kept: string[] = []; // here: what is not allowed into the storage, or does not get there
let taken: string[] = []; // by the fetch under way, or handed over to a beacon
let failures = 0;
let pause = 0; // until then nothing is tried; by performance.now(): clocks are set. No end while it is our turn or near

const stored = (): string[] => read("queue")?.match(/[^\n]+/g) || [];

const without = (entries: string[], gone: string[]): string[] => entries.filter((entry) => !gone.includes(entry));

/** Under `full` everything is stored; below it nothing but what took `full` back and has not been acknowledged. */
const store = (entries: string[]): void => {
  write(
    "queue",
    entries
      .filter((entry) => level == FULL || /^[02]{"type":"consent"/.test(entry))
      .slice(-MAX_STORED)
      .join("\n"),
  );
}

export const push = (event: object, at: number): void => {
  const entry = at + JSON.stringify(event);
  say(entry);
  if (entry.length < MAX_CHARS) {
    store([...stored(), entry]);
    kept.push(...without([entry], stored()));
    setTimeout(flush, GATHER_MS);
  } else say("refused");
}

/** The storage is about to forget what is still to be sent. */
export const keep = (): void => {
  kept.push(...stored());
};

/** Takes up what earlier pages left behind, and sends. */
export const resume = (): void => {
  store(stored());
  setTimeout(flush);
}

/** The next batch, all of one level. */
const batch = (): string[] => {
  let chars = 0;
  const waiting = without([...new Set([...kept, ...stored()])], taken);
  return waiting.filter(
    (entry, index) =>
      ((chars += entry.length) < MAX_BATCH_CHARS && entry[0] == waiting[0]![0] && index < MAX_EVENTS) || !index,
  );
}

const envelope = (entries: string[]): string =>
  `{"site":"${site}","consent":"${LEVELS[entries[0]![0] as never]}","sent":${Date.now()},"webdriver":${!!navigator.webdriver},"events":[${entries.map((entry) => entry.slice(1))}]}`;

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
      if (/408|429|5../.test(answer.status as never)) throw answer.headers.get("retry-after");
      failures = 0;
      store(without(stored(), sent));
      kept = without(kept, sent);
    } catch (error) {
      // the network, a blocker, a collector that hangs or that says when it wants to be asked again
      const until = Math.max(0, Date.parse(error as string) - Date.now());
      wait = Math.min(+(error as string) || until / 1000 || 2 ** (failures++ % DOUBLINGS), MAX_WAIT_S) * (1 + Math.random()) * 1000;
    }
    taken = without(taken, sent);
    setTimeout(flush, wait + 99); // for the next batch; a timer may be early
  }
  pause = performance.now() + wait;
}

export const flush = async (): Promise<void> => {
  // A turn that nothing needs would put this page out of the back/forward cache as soon as another asks for one.
  if (performance.now() >= pause && batch()[0]) {
    pause = 1 / 0;
    try {
      if (stored()[0]) return await navigator.locks.request("wakeline", send);
    } catch {} // no locks on plain http, nor where storage is blocked
    await send();
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
