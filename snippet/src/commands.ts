/** `wakeline(command, ...)`: what a site calls. Where no page is open, calls wait for the first view, and while hidden. */

import { visitor } from "./consent";
import { hidden } from "./engagement";
import { FULL } from "./wire";
import { safe } from "./safe";
import { debug } from "./debug";
import { follow, change, custom, held, page, reset, tell } from "./page";

export const commands: Record<string, (...values: never[]) => void> = {
  event: custom,
  consent: change,
  identify: (id: string | number, proof?: { signature?: string }) => tell("identify", { id, signature: proof?.signature }, FULL),
  reset,
  debug,
};

const waiting: Call[] = Array.from(window.wakeline?.q || []); // an element may be called wakeline: that has no calls

/** Of who has an id another tab's choice is looked at first; below `full` it is heard of with the next sign of life. */
const run = safe(([command, ...values]: Call) => {
  visitor && follow();
  commands[command]?.(...(values as never[]));
});

export const drain = (): void => waiting.splice(0).forEach(run);

export const wakeline: Wakeline = (...call) => {
  if (page || !(hidden || held)) run(call);
  else waiting.push(call);
};
