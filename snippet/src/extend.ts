/** The full snippet's additions to the core: more commands, `beforeSend`, actions. */

import { commands } from "./commands";
import { listen, safe } from "./safe";
import { acted, viewed } from "./actions";
import { custom, hook } from "./page";
import type { Props } from "./wire";

const beforeSend = (run: typeof hook.edit): void => {
  hook.edit = safe((event) => {
    const edited = event.level ? event : run(event); // consent choices are always sent
    if (edited?.type == "page_view") queueMicrotask(safe(() => viewed(edited)));
    return edited;
  });
};

export const extend = (): void => {
  // An unknown command is an event of that name.
  (commands as { __proto__: object }).__proto__ = new Proxy({}, { get: (_, verb: string) => (props?: Props) => custom(verb, props) });
  commands.beforeSend = beforeSend;
  beforeSend((event) => event);
  listen("click", acted);
  listen("auxclick", acted);
  listen("submit", acted);
};
