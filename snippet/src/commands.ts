/** `wakeline(command, ...)`: the site's calls. They wait for the first view, or until the tab is visible. */

import { debug } from "./debug";
import { FULL } from "./wire";
import { hidden } from "./engagement";
import { change, custom, held, page, reset, tell } from "./page";
import { safe } from "./safe";

type Proof = { signature?: string; expires?: number };

/** What the site's server has signed of one of its customers. */
const signed =
  (type: string, least?: number) =>
  (id: string | number, { signature, expires }: Proof = {}): void =>
    tell(type, { id, signature, expires }, least);

const erase = signed("forget");

export const commands: Record<string, (...values: never[]) => void> = {
  event: custom,
  consent: change,
  identify: signed("identify", FULL),
  forget: (id?: string | number, proof?: Proof) => {
    if (id) erase(id, proof); // before the withdrawal, after which nothing is sent
    change("off");
  },
  reset,
  debug,
};

const waiting: Call[] = Array.from(window.wakeline?.q || []); // an element named wakeline has no calls

/** An unknown command throws, which is caught. */
const run = safe(([command, ...values]: Call) => commands[command]!(...(values as never[])));

export const drain = (): void => waiting.splice(0).forEach(run);

export const wakeline: Wakeline = (...call) => {
  if (page || !(hidden || held)) run(call);
  else waiting.push(call);
};
