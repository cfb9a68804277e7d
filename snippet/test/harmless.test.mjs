// Whatever a page does, nothing is thrown into it and what follows still works.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { bundle } from "../bundle.mjs";
import { FakePage, START, storage } from "./fake_page.mjs";

const circular = {};
circular.self = circular;

const CALLS = {
  "no command": [],
  "an unknown command": ["track", "click"],
  "a name from Object": ["constructor"],
  "circular props": ["event", "click", circular],
  "props with a BigInt": ["event", "click", { big: 1n }],
  "a getter that throws": ["event", "click", { get price() { throw new Error("no price"); } }],
  "consent without a level": ["consent"],
  "consent to an object": ["consent", {}],
  "identify without proof": ["identify", 1042],
  "identify with null": ["identify", "1042", null],
};

for (const [name, call] of Object.entries(CALLS))
  test(`wakeline() with ${name}`, async () => {
    const page = new FakePage({ tag: { consent: "full" } });
    page.wakeline(...call);
    page.wakeline("event", "after");
    await page.pass();
    assert.ok(page.story.includes("after full"));
    assert.ok(page.events.every(({ type }) => type), "every event has a type");
  });

test("an identify goes as it was said, and one before full is not sent", async () => {
  const page = new FakePage();
  page.wakeline("identify", 1042, { signature: "00" });
  page.wakeline("consent", "full");
  page.wakeline("identify", 1042, { signature: "00" });
  await page.pass(2_000);
  const identified = page.events.filter(({ type }) => type == "identify");
  assert.deepEqual(identified.map(({ id, signature, consent }) => [id, signature, consent]), [[1042, "00", "full"]]);
});

test("the script loaded twice counts once", async () => {
  const page = new FakePage();
  const { wakeline } = page.window;
  runInContext(await bundle(), page.window);
  await page.pass();
  assert.equal(page.window.wakeline, wakeline);
  assert.deepEqual(page.story, ["page_view anonymous"]);
});

// What the page's own names hide of `document`, and what an element that is called so makes of the window.
const CLOBBERED = {
  "document's properties": `for (const name of ["hidden", "title", "referrer", "currentScript", "scripts", "hasFocus",
    "querySelector", "elementsFromPoint", "documentElement"])
    Object.defineProperty(document, name, { value: { src: "https://evil.example/", dataset: { site: "evil" } } });`,
  "window.wakeline": "window.wakeline = { q: {} };",
  "window.navigation": "window.navigation = { addEventListener: {}, currentEntry: {}, back: {} };",
};

for (const [name, code] of Object.entries(CLOBBERED))
  test(`elements of the page hide ${name}`, async () => {
    const page = new FakePage({ code });
    page.wakeline("event", "click");
    await page.pass();
    page.window.history.pushState(null, "", "/cart");
    await page.pass(2_000);
    assert.deepEqual(page.events.map(({ type }) => type), ["page_view", "click", "engagement", "page_view"]);
    assert.equal(page.events[0].title, "Shoes");
    for (const { site, target } of page.posts) assert.deepEqual([site, target], ["demo", "https://stats.example/v1/events"]);
  });

test("a queued call that is none holds nothing up", async () => {
  const page = new FakePage({ stub: [["event", "first"], undefined, {}, ["event", "second"]] });
  await page.pass(3_000);
  assert.deepEqual(page.events.map(({ type }) => type), ["page_view", "first", "second"]);
});

test("a form called wakeline with a select called q is no queue", async () => {
  const page = new FakePage({ code: "window.wakeline = { q: { length: 1, 0: {} } }" });
  await page.pass(2_000);
  assert.deepEqual(page.events.map(({ type }) => type), ["page_view"]);
});

// Prototype.js 1.6 and its like: their own methods hand over the element and its index, and make arrays texts of JSON.
const OLD_LIBRARY = `
  const each = (array, run) => { for (let i = 0; i < array.length; i++) run(array[i], i); };
  Object.assign(Array.prototype, {
    map(run) { const all = []; each(this, (one, i) => all.push(run(one, i))); return all; },
    filter(run) { const all = []; each(this, (one, i) => run(one, i) && all.push(one)); return all; },
    find(run) { let found; each(this, (one, i) => (found ??= run(one, i) ? one : undefined)); return found; },
    some(run) { let found = false; each(this, (one, i) => (found ||= !!run(one, i))); return found; },
    entries() { return [...this]; },
    toJSON() { return "[" + this.map((one) => JSON.stringify(one)).join(", ") + "]"; },
  });
  Array.from = (of) => Array.prototype.slice.call(of);`;

for (const entry of ["wakeline", "full"])
  test(`beside an old library all events arrive, ${entry}`, async () => {
    const page = new FakePage({ entry, code: OLD_LIBRARY, tag: { consent: "full" }, interests: "running" });
    await page.pass();
    runInContext(`for (let i = 0; i < 60; i++) wakeline("event", "view_item_list", { items: [{ item_id: "a" }] })`, page.window);
    page.wakeline("consent", "off");
    await page.pass(3_000);
    assert.deepEqual(page.story, ["page_view full", ...Array(60).fill("view_item_list full"), "engagement full", "consent off"]);
    assert.equal(page.events[1].props.items, '[{"item_id":"a"}]', "which the collector reads");
  });

test("where Date.now makes a Date, times are numbers all the same", async () => {
  const page = new FakePage({ code: "Date.now = () => new Date()" }); // datejs
  await page.pass();
  const [{ sent, events }] = page.posts;
  assert.deepEqual([sent, events[0].time], [START + 1_000, START + 1_000]);
});

const WORLDS = {
  "an empty world": {},
  "no script tag": { document: { currentScript: null, querySelector: () => null } },
  "a tag without an address": { URL, document: { currentScript: { src: "", dataset: { site: "demo" } } } },
};

for (const [name, world] of Object.entries(WORLDS))
  test(`the script in ${name} does nothing`, async () => {
    const context = createContext({ ...world });
    runInContext(await bundle(), context);
    assert.deepEqual(Object.keys(context), Object.keys(world));
  });

test("a network that throws at once, a blocked storage: what was told goes once it does not throw any more", async () => {
  const page = new FakePage({ localStorage: storage({}, { broken: true }) });
  const { fetch } = page.window;
  page.window.fetch = () => {
    throw new Error("blocked");
  };
  page.window.navigator.sendBeacon = () => {
    throw new Error("blocked");
  };
  page.wakeline("event", "click");
  await page.pass(30_000);
  page.hide();
  page.show();
  await page.pass();
  assert.deepEqual(page.story, []);
  page.window.fetch = fetch;
  await page.pass(60_000);
  assert.deepEqual(page.story.slice(0, 4), ["page_view", "click", "ping", "engagement"].map((type) => `${type} anonymous`));
});

test("pushState keeps its arguments, its receiver and its error", () => {
  const code = "{ const real = history.pushState; history.pushState = function (...call) { history.said = [this, ...call]; real(...call) } }";
  const page = new FakePage({ code });
  const { history } = page.window;
  assert.throws(() => history.pushState(null, "", "https://[broken"));
  const state = { step: 2 };
  history.pushState(state, "Cart", "/cart");
  assert.equal(page.window.location.href, "https://shop.example/cart");
  for (const [index, said] of [history, state, "Cart", "/cart"].entries()) assert.equal(history.said[index], said);
});
