/** The snippet's own constants. In a file without imports, because esbuild only inlines such constants. */

export const HOLD_MS = 1_000; // delay of a document's first view, for routers that redirect at load; a click ends it
export const GATHER_MS = 200; // after an action of the visitor, events within this time share a request
export const SETTLE_MS = 100; // after a client-side navigation, until the title is updated
export const PING_MS = 25_000;
export const FIRST_RETRY_MS = 500;
export const DOUBLINGS = 10; // of the pause after a failure, from a second or two to some minutes; then it starts over
export const MAX_STEP_MS = 60_000; // engaged between two updates: if it was more, the machine slept
export const MAX_BATCH_CHARS = 10_000; // of several events: at most 30 KB; the browser allows 64 KB for all requests that outlive the page
export const MAX_ASKED_MS = 3_600_000; // longest Retry-After
export const MAX_STORED = 200; // events in localStorage, the newest
export const MAX_STORED_CHARS = 10_000; // of one of them: the storage belongs to the site
export const PINGS_BELOW = 2_000; // numbers of a page: higher ones are reserved for more important events
