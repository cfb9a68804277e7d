/** The snippet with everything: the verbs of a shop, and what visitors do told by itself. */

import { extend } from "./extend";
import { start } from "./start";

if (window.wakeline?.q !== 0) {
  start();
  extend(); // second, so that the first view is made before what a click on it tells
}
