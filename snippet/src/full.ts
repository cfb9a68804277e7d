/** The snippet with everything: the verbs of a shop, and what visitors do told by itself. */

import { start } from "./start";
import { extend } from "./extend";

if (window.wakeline?.live !== true) {
  extend();
  start();
}
