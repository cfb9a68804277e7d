/** The full snippet as an ES module. Importing it does nothing; `init` starts it. */

import { wakeline } from "./commands";
import { extend } from "./extend";
import { start } from "./start";
import { configure, type Options } from "./tag.module";

export type { Options };

export const init = (options: Options): void => {
  if (window.wakeline?.q === 0) return;
  configure(options);
  start();
  extend();
}

export { wakeline };
