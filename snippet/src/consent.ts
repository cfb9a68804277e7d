/** How much the visitor allows, and the visitor id that only `full` has. */

import { ANONYMOUS, FULL, LEVELS, type Level, OFF } from "./wire";
import { random } from "./random";
import { settings } from "./tag";
import { read, write } from "./storage";

export let visitor: string | undefined = read("id");

/** The level that holds now; -1 where the page asks for one that does not exist. An id from earlier says that `full` held. */
export let level: number = visitor ? FULL : OFF;

/** What `allowed` found last. */
export let wanted: number;

/** Looks up the level that the last choice, made in any tab, allows. Global Privacy Control caps it. */
export const allowed = (): number =>
  (wanted = Math.min(LEVELS.indexOf((read("consent") || settings.consent) as Level), navigator.globalPrivacyControl ? ANONYMOUS : FULL));

/** Makes the wanted level hold. Leaving `full` forgets the id; coming back makes a new one. */
export const settle = (): void => {
  level = wanted;
  visitor = level < FULL ? undefined : read("id") || visitor || random();
  write("id", visitor);
}

/** The next page is another visitor's. */
export const forget = (): void => {
  write("id", (visitor &&= random())); // another one at once: without one, other tabs would put theirs back
}
