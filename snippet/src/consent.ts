/** How much the visitor allows, and the visitor id that only `full` has. */

import { random } from "./random";
import { read, write } from "./storage";
import { consent } from "./tag";
import { ANONYMOUS, FULL, LEVELS, type Level, OFF } from "./wire";

let choice: string | undefined;

/** The level that holds now; -1 where the page asks for one that does not exist. */
export let level: number = OFF;
export let visitor: string | undefined;

/** The level that the last choice, made in any tab, allows. Global Privacy Control caps it. */
export const allowed = (): number =>
  Math.min(LEVELS.indexOf((read("consent") || choice || consent) as Level), navigator.globalPrivacyControl ? ANONYMOUS : FULL);

export const choose = (made: Level): void => {
  write("consent", (choice = made));
}

/** Makes the allowed level hold. Leaving `full` forgets the id; coming back makes a new one. */
export const settle = (): void => {
  level = allowed();
  visitor = level < FULL ? undefined : read("id") || visitor || random();
  write("id", visitor);
}

/** The next page is another visitor's. */
export const forget = (): void => {
  visitor = undefined;
  write("id");
}
