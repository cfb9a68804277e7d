/** What the full snippet adds to the core: more commands, `beforeSend`, actions. */

import { acted, viewed } from "./actions";
import { commands } from "./commands";
import { custom, hook } from "./page";
import { listen, safe } from "./safe";
import type { PageView, Props, WireEvent } from "./wire";

let beforeSend = (event: WireEvent): WireEvent | undefined => event;

const edit = safe((event: WireEvent): WireEvent | undefined => {
  const edited = beforeSend(event);
  if (!edited?.page) return; // nothing, or no event
  edited.url = new URL(edited.url, location.href).href;
  if (edited.type == "page_view") setTimeout(safe(viewed), 0, edited as WireEvent & PageView);
  return edited;
});

export const extend = (): void => {
  // A word that is no command is an event of that name.
  const verbs = { get: (_: object, verb: string) => (props?: Props) => custom(verb, props) };
  Object.setPrototypeOf(commands, new Proxy({}, verbs));
  commands.beforeSend = (run: typeof beforeSend) => {
    beforeSend = run;
  };
  hook.edit = (event) => (event.type == "consent" ? event : edit(event)); // a choice about privacy is always told
  listen("click", acted);
  listen("auxclick", acted);
  listen("submit", acted);
};
