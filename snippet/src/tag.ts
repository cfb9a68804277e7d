/**
 * Settings in the script's tag: in attributes or, if a tag manager removes those, in the query of its URL. Read while
 * the script runs: `currentScript` is null in later callbacks, and always in a module.
 */

import { doc } from "./document";

const script = (doc("currentScript") ||
  doc("querySelector").call(document, "script[type=module][data-site]")) as HTMLScriptElement;

export interface Settings {
  site?: string;
  consent: string; // until the visitor chooses; then, on this page, the choice
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

/** URL for events. */
export const endpoint = settings.endpoint || new URL("/v1/events", script.src).href;

/** Where a URL is cut, so that the rest stays in the browser: at its fragment or, if that is the route, nowhere. */
export const cutAt = settings.hash == "false" ? "#" : "\n";
