/**
 * The package. Importing it runs nothing, so it may also be imported on a server: the build makes a function of what
 * `module` and all below it do, and `init` calls it.
 */

import { init as begin } from "./module";
import type { Options } from "./tag.module";

export type { Options };

const isPage = typeof document != "undefined";

const stub: Wakeline = (...call) => (stub.q ||= []).push(call);

/** What is called before `init` waits for it. */
export const wakeline: Wakeline = (...call) => {
  if (isPage) (window.wakeline ||= stub)(...call);
};

/** Does nothing on a page that has a script tag of ours: `wakeline` then calls that. */
export function init(options: Options): void {
  if (isPage && window.wakeline?.q !== 0) begin(options);
}
