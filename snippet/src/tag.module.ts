/** Settings passed to `init`, without a script tag: the module's build replaces tag.ts with this file. */

import type { Settings } from "./tag";

export interface Options {
  site: string; // the site's public key
  endpoint: string; // URL for events: https://stats.your-site.example/v1/events
  consent?: "off" | "anonymous" | "full"; // level before a visitor has chosen; anonymous by default
  hash?: boolean; // the fragment is part of the route
  search?: string; // URL parameter of the site search
}

export const settings = {} as Settings;
export let endpoint = "";
export let cutAt = "";

export const configure = ({ site, consent = "anonymous", search, ...options }: Options): void => {
  Object.assign(settings, { site, consent, search });
  endpoint = options.endpoint;
  cutAt = options.hash ? "\n" : "#";
};
