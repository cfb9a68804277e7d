/** The snippet's own numbers. They stand in a file without imports because esbuild only inlines such constants. */

export const GATHER_MS = 200; // events that follow one another this quickly share a request
export const SETTLE_MS = 100; // after a client-side navigation, until the title is that of the new page
export const PING_MS = 25_000;
export const TIMEOUT_MS = 10_000; // of one request
export const MAX_STEP_MS = 60_000; // engaged between two looks at the clock: more, and the machine slept
export const MAX_CHARS = 10_000; // of an event, and when a batch is full: 60 KB at most as UTF-8, the browser allows 64
export const MAX_STORED = 200; // events in localStorage
export const MAX_PINGS = 2_000; // of a page: the numbers above are left to events that matter more
