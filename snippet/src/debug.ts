/** Enabled by `wakeline("debug")`: logs to the console what is sent, and why something is not. */

export let debugging: boolean | undefined;

export const say = (what: unknown): unknown => debugging && console.log(what);

export const debug = (): unknown => (debugging = true);
