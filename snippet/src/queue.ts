/**
 * Events on their way to the collector. An entry is a text: the number of its consent level, then its JSON.
 *
 * The first `flying` of those `waiting` are in the one fetch under way. What the visitor allowed to be stored
 * stays in localStorage until the collector has answered, so that the next page sends it again: a beacon's fate
 * is unknown. The collector drops what it has seen by (page, n).
 */

import { level } from "./consent";
import { GATHER_MS, MAX_CHARS, MAX_STORED, TIMEOUT_MS } from "./limits";
import { read, write } from "./storage";
import { endpoint, site } from "./tag";
import { FULL, LEVELS, MAX_EVENTS } from "./wire";

let waiting: string[] = [];
let flying = 0;

const stored = (): string[] => read("queue")?.match(/[^\n]+/g) || [];

/** Under `full` everything is kept; below it nothing but what took `full` back and has not been acknowledged. */
const store = (added: string[] = [], gone: string[] = []): void =>
  write(
    "queue",
    [...stored(), ...added]
      .filter((entry) => (level == FULL ? /^[02]/ : /^[02]{"type":"consent"/).test(entry) && !gone.includes(entry))
      .slice(-MAX_STORED)
      .join("\n"),
  );

export function push(event: object, at: number): void {
  // A lone surrogate, say in a title that was cut in an emoji, would make the whole envelope malformed.
  const entry = at + JSON.stringify(event).replace(/\\ud[\da-f]{3}/g, "\\ufffd");
  if (entry.length > MAX_CHARS) return;
  waiting.push(entry);
  store([entry]);
  setTimeout(flush, GATHER_MS);
}

/** Takes up what earlier pages left behind, and sends. */
export function resume(): void {
  store();
  waiting = [...new Set([...waiting, ...stored()])];
  setTimeout(flush);
}

/** The next batch after the first `from` entries, all of one level. */
function batch(from: number): string[] {
  let end = from;
  let chars = 0;
  while (waiting[end] && waiting[end]![0] == waiting[from]![0] && end - from < MAX_EVENTS && chars < MAX_CHARS)
    chars += waiting[end++]!.length;
  return waiting.slice(from, end);
}

const envelope = (entries: string[]): string =>
  `{"site":"${site}","consent":"${LEVELS[+entries[0]![0]!]}","sent":${Date.now()},"events":[${entries.map((entry) => entry.slice(1))}]}`;

export async function flush(): Promise<void> {
  if (flying || !waiting[0]) return;
  const sent = batch(0);
  flying = sent.length;
  let again = true;
  try {
    const { status } = await fetch(endpoint, {
      method: "POST",
      body: envelope(sent), // text/plain: no preflight
      keepalive: true,
      signal: AbortSignal.timeout?.(TIMEOUT_MS),
    });
    again = status > 499 || status == 408 || status == 429;
  } catch {
    // the network, a blocker, or a collector that hangs
  }
  if (!again) store([], waiting.splice(0, flying));
  flying = 0;
  if (!again) flush();
}

/** Hands over everything that is not under way: the page is going, nobody will see an answer. */
export function beacon(): void {
  for (let sent; (sent = batch(flying))[0] && navigator.sendBeacon(endpoint, envelope(sent)); )
    waiting.splice(flying, sent.length);
}
