/** What `wakeline("debug")` turns on: the console says what is sent, and why something is not. */

export let debugging: boolean | undefined;

export const say = (what: unknown): unknown => debugging && console.log(what);

export const debug = (): unknown => (debugging = true);
