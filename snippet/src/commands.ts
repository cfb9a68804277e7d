/** `wakeline(command, ...)`: what a site calls. Where no page is open, calls wait for the first view, and while hidden. */

import { debug } from "./debug";
import { FULL } from "./wire";
import { hidden } from "./engagement";
import { safe } from "./safe";
import { change, custom, held, page, reset, tell } from "./page";

export const commands: Record<string, (...values: never[]) => void> = {
  event: custom,
  consent: change,
  identify: (id: string | number, proof?: { signature?: string }) => tell("identify", { id, signature: proof?.signature }, FULL),
  reset,
  debug,
};

const waiting: Call[] = Array.from(window.wakeline?.q || []); // an element may be called wakeline: that has no calls

const run = safe((command: string, ...values: unknown[]) => commands[command]?.(...(values as never[])));

export const drain = (): void => waiting.splice(0).forEach((call) => run(...call));

export const wakeline: Wakeline = (...call) => {
  if (page || !(hidden || held)) run(...call);
  else waiting.push(call);
};
