/** The snippet's own numbers. They stand in a file without imports because esbuild only inlines such constants. */

export const HOLD_MS = 1_000; // of the first view of a document, for routers that redirect at load; a click ends it
export const GATHER_MS = 200; // after the visitor did something, what follows it shares a request
export const SETTLE_MS = 100; // after a client-side navigation, until the title is that of the new page
export const PING_MS = 25_000;
export const FIRST_RETRY_MS = 500;
export const DOUBLINGS = 10; // of the pause after a failure, from a second or two to some minutes; then from the start again
export const MAX_STEP_MS = 60_000; // engaged between two looks at the clock: more, and the machine slept
export const MAX_BATCH_CHARS = 10_000; // of several events: 30 KB at most; the browser allows 64 KB to all that outlives the page
export const MAX_ASKED_MS = 3_600_000; // of the pause that a collector asks for
export const MAX_STORED = 200; // events in localStorage, the newest
export const MAX_STORED_CHARS = 10_000; // of one of them: the storage is the site's
export const PINGS_BELOW = 2_000; // of the numbers of a page: those above are left to events that matter more
