/** `wakeline(command, ...)`: what a site calls. Calls made before the page is first seen wait for it. */

import { debug } from "./debug";
import { change, custom, page, reset, tell } from "./page";
import { safe } from "./safe";
import { FULL } from "./wire";

export const commands: Record<string, (...values: never[]) => void> = {
  event: custom,
  consent: change,
  identify: (id: string | number, proof?: { signature?: string }) =>
    tell("identify", { id: "" + id, signature: proof?.signature }, FULL),
  reset,
  debug,
};

const early: Call[] = window.wakeline?.q || [];

const run = safe((command: string, ...values: unknown[]) => commands[command]?.(...(values as never[])));

export const drain = (): void => early.splice(0).forEach((call) => run(...call));

export const wakeline: Wakeline = (...call) => {
  if (page || !document.hidden) run(...call);
  else early.push(call);
};
