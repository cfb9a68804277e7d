/** `wakeline(command, ...)`: what a site calls. Calls made before the page is first seen wait for it. */

import { level } from "./consent";
import { visible } from "./engagement";
import { change, emit, open, page } from "./page";
import { safe } from "./safe";
import { FULL, type Props } from "./wire";

const commands: Record<string, (...values: never[]) => void> = {
  event(name: string, props?: Props) {
    if (name) emit(name, { props });
  },
  consent: change,
  identify(id: string | number, proof?: { signature?: string }) {
    open();
    if (level == FULL) emit("identify", { id: "" + id, signature: proof?.signature });
  },
};

const early: Call[] = window.wakeline?.q || [];

const run = safe((...[command, ...values]: Call) => commands[command]?.(...(values as never[])));

export const drain = (): void => {
  for (const call of early.splice(0)) run(...call);
};

export const wakeline: Wakeline = (...call) => {
  if (page || visible()) run(...call);
  else early.push(call);
};
