// What a page waits for: the answer of its server, which it then keeps, and a title that follows the route.
const LOADING_MS = 150;
export const TITLE_MS = 5; // after the route has rendered, which is later than its address has changed

export const later = (ms) => new Promise((done) => setTimeout(done, ms));

const kept = new Set();

export async function load(what) {
  if (!kept.has(what)) await later(LOADING_MS);
  kept.add(what);
}
