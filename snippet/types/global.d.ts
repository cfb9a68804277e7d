/** Types of `wakeline(...)` for pages with the script tag: add `wakeline/global` to `types` in tsconfig.json. */
import type { Wakeline } from "./index.js";

declare global {
  const wakeline: Wakeline;
  interface Window {
    wakeline?: Wakeline;
  }
}
