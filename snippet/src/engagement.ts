/** Engaged time, which only passes while the page is visible and focused, and the deepest scroll. */

import { MAX_STEP_MS } from "./limits";
import type { Engagement } from "./wire";

export let engaged = 0; // ms since the last event that told it
let since = 0; // 0: not engaged
let scroll = 0; // percent; more where a page gives way at its end

/** Looks again: to be called before and after anything that changes them. */
export const measure = (): void => {
  const now = performance.now();
  if (since) engaged += Math.min(now - since, MAX_STEP_MS);
  since = !document.hidden && document.hasFocus() ? now : 0;
  const depth = ((scrollY + innerHeight) * 100) / document.documentElement.scrollHeight;
  scroll = Math.max(scroll, (depth + 0.5) | 0); // | 0 also makes NaN, of an empty frame, 0
}

export const restart = (): void => {
  measure();
  engaged = scroll = 0;
}

/** What was added since the last call. */
export const engagement = (leave: boolean): Engagement => {
  measure();
  const engaged_ms = engaged | 0;
  engaged = 0;
  return { engaged_ms, scroll, leave };
}
