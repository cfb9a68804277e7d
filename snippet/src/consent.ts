/** The visitor's consent level, and the visitor id that only `full` has. */

import { ANONYMOUS, FULL, LEVELS, type Level, OFF } from "./wire";
import { random } from "./random";
import { settings } from "./tag";
import { read, write } from "./storage";

export let visitor: string | undefined = read("id");

/** The current level; -1 if the page asks for an unknown one. A stored id means that `full` applied. */
export let level: number = visitor ? FULL : OFF;

/** The last result of `allowed`. */
export let wanted: number;

/** Looks up the level allowed by the last choice in any tab, capped by Global Privacy Control. */
export const allowed = (): number =>
  (wanted = Math.min(LEVELS.indexOf((read("consent") || settings.consent) as Level), navigator.globalPrivacyControl ? ANONYMOUS : FULL));

/** Applies the wanted level. Leaving `full` deletes the id; returning to it creates a new one. */
export const settle = (): void => {
  level = wanted;
  visitor = level < FULL ? undefined : read("id") || visitor || random();
  write("id", visitor);
}

/** The next page belongs to another visitor. */
export const forget = (): void => {
  write("id", (visitor &&= random())); // at once: otherwise other tabs would restore theirs
}
