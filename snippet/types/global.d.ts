/** `wakeline(...)` of a page with the script tag: name `wakeline/global` in `types` of tsconfig.json. */
import type { Wakeline } from "./index.js";

declare global {
  const wakeline: Wakeline;
  interface Window {
    wakeline?: Wakeline;
  }
}
