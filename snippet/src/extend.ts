/** What the full snippet adds to the core: more commands, `beforeSend`, actions. */

import { acted, viewed } from "./actions";
import { commands } from "./commands";
import { custom, hook } from "./page";
import { listen, safe } from "./safe";
import type { PageView, Props, WireEvent } from "./wire";

let beforeSend = (event: WireEvent): WireEvent | undefined => event;

export const extend = (): void => {
  // A word that is no command is an event of that name.
  (commands as { __proto__: object }).__proto__ = new Proxy({}, { get: (_, verb: string) => (props?: Props) => custom(verb, props) });
  commands.beforeSend = (run: typeof beforeSend) => {
    beforeSend = run;
  };
  hook.edit = safe((event) => {
    const edited = event.type == "consent" ? event : beforeSend(event); // a choice about privacy is always told
    if (edited?.type == "page_view") queueMicrotask(safe(() => viewed(edited as WireEvent & PageView)));
    return edited;
  });
  listen("click", acted);
  listen("auxclick", acted);
  listen("submit", acted);
};
