/**
 * Events on their way to the collector. An entry is a text: the number of its consent level, then its JSON.
 *
 * `waiting` has not been handed to the browser, `flying` is in the one fetch under way. What the visitor
 * allowed to be stored stays in localStorage until the collector has answered, so that the next page sends it
 * again: a beacon's fate is unknown. The collector drops what it has seen by (page, n).
 */

import { level } from "./consent";
import { GATHER_MS, MAX_CHARS, MAX_STORED, TIMEOUT_MS } from "./limits";
import { read, write } from "./storage";
import { endpoint, site } from "./tag";
import { ANONYMOUS, LEVELS, MAX_EVENTS } from "./wire";

let waiting: string[] = [];
let flying: string[] = [];

const levelOf = (entry: string): number => +entry[0]!;

const stored = (): string[] => read("queue")?.match(/[^\n]+/g) || [];

/** Under `full` everything is kept; below it nothing but a withdrawal that has not been acknowledged. */
const keep = (entries: string[]): void =>
  write(
    "queue",
    entries
      .filter((entry) => levelOf(entry) != ANONYMOUS && levelOf(entry) <= level)
      .slice(-MAX_STORED)
      .join("\n"),
  );

export function push(event: object, at: number): void {
  // A lone surrogate, say in a title that was cut in an emoji, would make the whole envelope malformed.
  const entry = at + JSON.stringify(event).replace(/\\ud[\da-f]{3}/g, "\\ufffd");
  if (entry.length > MAX_CHARS) return;
  waiting.push(entry);
  keep([...stored(), entry]);
  setTimeout(flush, GATHER_MS);
}

/** Takes up what earlier pages left behind, and sends. */
export function resume(): void {
  keep(stored());
  waiting = [...new Set([...waiting, ...stored()])].filter((entry) => !flying.includes(entry));
  setTimeout(flush);
}

/** The next batch: entries of one level. */
function take(): string[] {
  const batch = waiting.splice(0, 1);
  while (
    waiting[0]?.[0] == batch[0]![0] &&
    batch.length < MAX_EVENTS &&
    (batch + waiting[0]!).length < MAX_CHARS
  )
    batch.push(waiting.shift()!);
  return batch;
}

const envelope = (batch: string[]): string =>
  `{"site":"${site}","consent":"${LEVELS[levelOf(batch[0]!)]}","sent":${Date.now()},"events":[${batch.map((entry) => entry.slice(1))}]}`;

export async function flush(): Promise<void> {
  if (flying[0] || !waiting[0]) return;
  flying = take();
  let again = true;
  try {
    const { status } = await fetch(endpoint, {
      method: "POST",
      body: envelope(flying), // text/plain: no preflight
      keepalive: true,
      signal: AbortSignal.timeout?.(TIMEOUT_MS),
    });
    again = status > 499 || status == 408 || status == 429;
  } catch {
    // the network, a blocker, or a collector that hangs
  }
  if (again) waiting = [...flying, ...waiting];
  else keep(stored().filter((entry) => !flying.includes(entry)));
  flying = [];
  if (!again) flush();
}

/** Hands over everything at once: the page is going, nobody will see an answer. */
export function beacon(): void {
  while (waiting[0]) {
    const batch = take();
    if (!navigator.sendBeacon(endpoint, envelope(batch))) {
      waiting = [...batch, ...waiting];
      break;
    }
  }
}
