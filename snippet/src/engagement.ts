/** Engaged time, which only counts while the page is visible and focused, and the deepest scroll position. */

import { MAX_STEP_MS } from "./limits";
import type { Body } from "./wire";
import { doc } from "./document";

let deepest = 0; // pixels
export let engaged = 0; // ms since the last event that reported it
export let hidden = doc("hidden");
export let since = 0; // 0: not engaged

/** Updates the engaged time: call it before and after any change of visibility or focus. */
export const measure = (): void => {
  const now = performance.now();
  if (since) engaged += Math.min(now - since, MAX_STEP_MS);
  hidden = doc("hidden");
  since = hidden || !doc("hasFocus").call(document) ? 0 : now;
};

/**
 * Measures how far down the visitor is, and the total height. If the document does not scroll, an element may: all
 * elements in the middle of the window are checked.
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

/** The increase since the last report. The percentage may exceed 100 if the page shrinks. */
export const spent = (leave: boolean): Body => {
  measure();
  // scrolled() comes before what it changes; | 0 turns NaN and Infinity, of an empty frame, into 0
  return { engaged_ms: engaged | 0, scroll: (100 / (scrolled() / deepest) + 0.5) | 0, leave };
}

export const told = (): void => {
  engaged = 0;
};
