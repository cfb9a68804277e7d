/** Engaged time, which only passes while the page is visible and focused, and the deepest scroll. */

import { MAX_STEP_MS } from "./limits";
import type { Body } from "./wire";
import { doc } from "./document";

let deepest = 0; // pixels
export let engaged = 0; // ms since the last event that told it
export let hidden = doc("hidden");
export let since = 0; // 0: not engaged

/** Looks at the clock again: to be called before and after anything that changes whether time passes. */
export const measure = (): void => {
  const now = performance.now();
  if (since) engaged += Math.min(now - since, MAX_STEP_MS);
  hidden = doc("hidden");
  since = hidden || !doc("hasFocus").call(document) ? 0 : now;
};

/**
 * Looks how far down the visitor is; how high it all is. Where the document stands still, a part of it may scroll: so
 * it is asked of all that stands in the middle of the window.
 */
export const scrolled = (): number => {
  let height = 0;
  for (const box of doc("elementsFromPoint").call(document, innerWidth / 2, innerHeight / 2)) {
    height = Math.max(height, box.scrollHeight);
    deepest = Math.max(deepest, box.scrollTop + innerHeight);
  }
  return height;
};

export const restart = (): void => {
  measure();
  engaged = deepest = 0;
}

/** What was added since it was told last. A page that gives way at its end is seen by more than 100 percent. */
export const spent = (leave: boolean): Body => {
  measure();
  // scrolled() stands before what it alters; | 0 makes 0 of NaN and Infinity, of an empty frame
  return { engaged_ms: engaged | 0, scroll: (100 / (scrolled() / deepest) + 0.5) | 0, leave };
}

export const told = (): void => {
  engaged = 0;
};
