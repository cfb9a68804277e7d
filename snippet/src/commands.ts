/** `wakeline(command, ...)`: what a site calls. Calls made before the page is first seen wait for it. */

import { debug } from "./debug";
import { hidden } from "./engagement";
import { change, custom, held, page, reset, tell } from "./page";
import { safe } from "./safe";
import { FULL } from "./wire";

export const commands: Record<string, (...values: never[]) => void> = {
  event: custom,
  consent: change,
  identify: (id: string | number, proof?: { signature?: string }) => tell("identify", { id: "" + id, ...proof }, FULL),
  reset,
  debug,
};

const early: Call[] = Array.from(window.wakeline?.q || []); // an element may be called wakeline: that has no calls

const run = safe(([command, ...values]: Call) => commands[command]?.(...(values as never[])));

export const drain = (): void => early.splice(0).forEach(run);

export const wakeline: Wakeline = (...call) => {
  early.push(call);
  if (page || !(hidden || held)) drain();
};
