/** `wakeline(command, ...)`: what a site calls. Calls made before the page is first seen wait for it. */

import { level } from "./consent";
import { change, open, page, tell } from "./page";
import { safe } from "./safe";
import { FULL, type Props } from "./wire";

const commands: Record<string, (...values: never[]) => void> = {
  event(name: string, props?: Props) {
    if (name) tell(name, { props });
  },
  consent: change,
  identify(id: string | number, proof?: { signature?: string }) {
    open();
    if (level == FULL) tell("identify", { id: "" + id, signature: proof?.signature });
  },
};

const early: Call[] = window.wakeline?.q || [];

const run = safe((...[command, ...values]: Call) => commands[command]?.(...(values as never[])));

export const drain = (): void => early.splice(0).forEach((call) => run(...call));

export const wakeline: Wakeline = (...call) => {
  if (page || !document.hidden) run(...call);
  else early.push(call);
};
