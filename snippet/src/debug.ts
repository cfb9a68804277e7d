/** What `wakeline("debug")` turns on: the console says what is sent, and why something is not. */

export let say: (...what: unknown[]) => void = () => {};

export const debug = (): void => {
  say = console.log;
}
