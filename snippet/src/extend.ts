/** What the full snippet adds to the core: more commands, `beforeSend`, actions. */

import { acted, viewed } from "./actions";
import { commands } from "./commands";
import { custom, hook } from "./page";
import { listen } from "./safe";
import type { Props, WireEvent } from "./wire";

let beforeSend = (event: WireEvent): WireEvent | undefined => event;

export const extend = (): void => {
  // A word that is no command is an event of that name.
  const verbs = { get: (_: object, verb: string) => (props?: Props) => custom(verb, props) };
  Object.setPrototypeOf(commands, new Proxy({}, verbs));
  commands.beforeSend = (run: typeof beforeSend) => {
    beforeSend = run;
  };
  hook.edit = (event) => {
    if (event.type == "page_view") setTimeout(viewed, 0, event);
    return event.type == "consent" ? event : beforeSend(event); // a choice about privacy is always told
  };
  listen("click", acted);
  listen("auxclick", acted);
  listen("submit", acted);
};
