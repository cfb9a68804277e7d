/**
 * The npm package. Importing it runs nothing, so it can be imported on a server: the build wraps `module` and
 * everything below it in a function, and `init` calls that.
 */

import { init as begin } from "./module";
import type { Options } from "./tag.module";

export type { Options };

const isPage = typeof document != "undefined";

const stub: Wakeline = (...call) => (stub.q ||= []).push(call);

/** Queues calls made before `init`. */
export const wakeline: Wakeline = (...call) => {
  if (isPage) (window.wakeline ||= stub)(...call);
};

/** Does nothing on a page with Wakeline's script tag: `wakeline` then calls that script. */
export function init(options: Options): void {
  if (isPage && window.wakeline?.q !== 0) begin(options);
}
