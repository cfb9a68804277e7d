/** Engaged time, which only passes while the page is visible and focused, and the deepest scroll. */

import { MAX_STEP_MS } from "./limits";
import { type Engagement, MAX_ENGAGED_MS } from "./wire";

let engaged = 0;
let since = 0; // 0: not engaged
let scroll = 0;

export function restart(): void {
  measure();
  engaged = scroll = 0;
}

/** Adds what has passed since the last look; to be called before and after anything that changes it. */
export function measure(): void {
  const now = performance.now();
  if (since) engaged += Math.min(now - since, MAX_STEP_MS);
  since = !document.hidden && document.hasFocus() ? now : 0;
}

export function measureScroll(): void {
  const percent = ((scrollY + innerHeight) / document.documentElement.scrollHeight) * 100;
  scroll = Math.max(scroll, Math.min(100, percent + 0.5) | 0); // | 0 also makes NaN, of an empty frame, 0
}

/** What was added since the last call. */
export function engagement(): Engagement {
  measure();
  measureScroll();
  const engaged_ms = Math.min(engaged, MAX_ENGAGED_MS) | 0;
  engaged = 0;
  return { engaged_ms, scroll, leave: true };
}
