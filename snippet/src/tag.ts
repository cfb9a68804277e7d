/**
 * What the script's tag says, in its attributes or, where a tag manager takes those away, in the query of its address.
 * Read while the script runs: `currentScript` is null in any later callback, and always in a module.
 */

import { doc } from "./document";

const script = (doc("currentScript") ||
  doc("querySelector").call(document, "script[type=module][data-site]")) as HTMLScriptElement;

export interface Settings {
  site?: string;
  consent: string; // what holds until the visitor chooses; then, on this page, what was chosen
  endpoint?: string;
  hash: string;
  search?: string;
  status?: string;
}

export const settings: Settings = {
  consent: "anonymous",
  hash: "false",
  ...Object.fromEntries(new URL(script.src).searchParams),
  ...script.dataset,
};

/** Where events go. */
export const endpoint = settings.endpoint || new URL("/v1/events", script.src).href;

/** Where an address is cut, so that the rest stays in the browser: at its fragment or, where that is the route, nowhere. */
export const cutAt = settings.hash == "false" ? "#" : "\n";
