/** The full snippet as an ES module. Importing does nothing; `init` begins. */

import { wakeline } from "./commands";
import { extend } from "./extend";
import { start } from "./start";
import { configure, type Options } from "./tag.module";

export type { Options };

export const init = (options: Options): void => {
  if (window.wakeline?.live === true) return;
  configure(options);
  extend();
  start();
}

export { wakeline };
