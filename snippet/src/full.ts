/** The full snippet: event calls of a shop, and automatic tracking of actions. */

import { extend } from "./extend";
import { start } from "./start";

if (window.wakeline?.q !== 0) {
  start();
  extend(); // second, so that the first view precedes events of a click on it
}
