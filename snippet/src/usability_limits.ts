/** What is a rage click, and a dead one. In a file without imports, because esbuild only inlines such constants. */

export const RAGE_CLICKS = 3;
export const RAGE_MS = 1_000; // from the first to the last of them
export const RAGE_PX = 30; // between the first and each other one
export const DEAD_MS = 2_000; // in which nothing changes
export const MOST = 10; // of each event on one page
