/** What the page says by `init` where there is no script tag: the module's build takes this file for tag.ts. */

import type { Settings } from "./tag";

export interface Options {
  site: string; // the site's public key
  endpoint: string; // where events go: https://stats.your-site.example/v1/events
  consent?: "off" | "anonymous" | "full"; // level before a visitor has chosen; anonymous by default
  hash?: boolean; // the fragment is part of the route
  search?: string; // URL parameter of the site's own search
}

export let site = "";
export let endpoint = "";
export let consent = "anonymous";
export let secret: RegExp | string;
export const settings: Settings = {};

export const configure = (options: Options): void => {
  ({ site, endpoint, consent = "anonymous" } = options);
  secret = options.hash ? "" : /#.*/;
  if (options.search) settings.search = options.search;
};
