/**
 * What the script's tag says, in its attributes or, where a tag manager takes those away, in the query of its address.
 * Read while the script runs: `currentScript` is null in any later callback. A module never has one: it finds its tag
 * by its own address, which an error's stack says.
 */

import { doc } from "./document";

const script = (doc("currentScript") ||
  [...doc("scripts")].find(({ src }) => src && new Error().stack!.includes(src))) as HTMLScriptElement;

export interface Settings {
  site?: string;
  consent?: string;
  endpoint?: string;
  hash?: string;
  search?: string;
  status?: string;
}

export const settings: Settings = {
  ...Object.fromEntries(new URLSearchParams(script.src.split("?")[1])),
  ...script.dataset,
};

export const { site, consent = "anonymous", hash = "false" } = settings;

/** Where events go. A page's `base` is about its links, not about us. */
export const endpoint = new URL(settings.endpoint || new URL("/v1/events", script.src), location as never);

/** What of the page's address stays in the browser: the fragment, where it is not the route. */
export const secret = hash == "false" ? /#.*/ : "";
