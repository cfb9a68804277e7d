/** How much the visitor allows, and the visitor id that only `full` has. */

import { random } from "./random";
import { read, write } from "./storage";
import { consent } from "./tag";
import { ANONYMOUS, FULL, LEVELS, type Level, OFF } from "./wire";

let choice: string = consent;

/** The level that holds now; -1 where the page asks for one that does not exist. */
export let level: number = OFF;
export let visitor: string | undefined;

/** The level that the last choice, made in any tab, allows. Global Privacy Control caps it. */
export const allowed = (): number =>
  Math.min(LEVELS.indexOf((read("consent") || choice) as Level), navigator.globalPrivacyControl ? ANONYMOUS : FULL);

export function choose(made: Level): void {
  choice = made;
  write("consent", made);
}

/** Makes the allowed level hold. Leaving `full` forgets the id; coming back makes a new one. */
export function settle(): void {
  level = allowed();
  const known = `${read("id") || visitor}`;
  visitor = level < FULL ? undefined : /^[\w-]{22}$/.test(known) ? known : random();
  write("id", visitor);
}
