import assert from "node:assert/strict";
import { test } from "node:test";
import { runInContext } from "node:vm";
import { FakePage } from "./fake_page.mjs";

const types = (page) => page.events.map(({ type }) => type);

test("a page that is never seen sends nothing, and what it asked for waits", async () => {
  const page = new FakePage({ visible: false, stub: [["event", "early"]] });
  page.wakeline("event", "later");
  page.fire("pageshow");
  await page.pass(60_000);
  assert.deepEqual(page.posts, []);
  page.show();
  await page.pass();
  assert.deepEqual(types(page), ["page_view", "early", "later"]);
});

test("engaged time passes while the page is visible and focused", async () => {
  const page = new FakePage();
  await page.pass(4_000);
  page.focused = false;
  page.fire("blur");
  await page.pass(5_000);
  page.focused = true;
  page.fire("focus");
  await page.pass(3_000);
  page.hide();
  assert.equal(page.events.at(-1).engaged_ms, 7_000);
  assert.equal(page.events.at(-1).leave, true);
  await page.pass(30_000);
  page.show();
  await page.pass(2_000);
  page.hide();
  assert.equal(page.events.at(-1).engaged_ms, 2_000);
});

test("a machine that sleeps is not engaged", async () => {
  const page = new FakePage();
  await page.pass(10_000);
  page.now += 8 * 3_600_000;
  page.hide();
  assert.ok(page.events.at(-1).engaged_ms <= 70_000);
});

const DEPTHS = {
  "nothing below the fold": [[0], 500, 100],
  "not scrolled": [[0], 2_000, 25],
  "scrolled down and up again": [[700, 100], 2_000, 60],
  "scrolled beyond the end": [[1_600], 2_000, 105],
  "nothing has a height": [[0], 0, 0],
};

for (const [name, [positions, height, depth]] of Object.entries(DEPTHS))
  test(`scroll depth, ${name}: ${depth} %`, async () => {
    const page = new FakePage();
    page.boxes[0].scrollHeight = height;
    for (const position of positions) {
      page.boxes[0].scrollTop = position;
      page.fire("scroll");
    }
    page.hide();
    assert.equal(page.events.at(-1).scroll, depth);
  });

test("scroll depth in a document that stands still is that of what scrolls in the middle", () => {
  const page = new FakePage();
  page.boxes.unshift({ scrollHeight: 2_000, scrollTop: 900 });
  page.boxes[1].scrollHeight = 500;
  page.fire("scroll");
  page.hide();
  assert.equal(page.events.at(-1).scroll, 70);
});

test("scroll depth of a frame without a size: 0 %", async () => {
  const page = new FakePage();
  page.boxes = [];
  Object.assign(page.window, { innerWidth: 0, innerHeight: 0 });
  page.hide();
  assert.equal(page.events.at(-1).scroll, 0);
});

test("scroll depth of a page that was empty at first is against its height in the end", async () => {
  const page = new FakePage();
  page.boxes[0].scrollHeight = 500;
  page.fire("scroll");
  await page.pass();
  page.boxes[0].scrollHeight = 5_000;
  page.hide();
  assert.equal(page.events.at(-1).scroll, 10);
});

test("engaged time and scroll depth start over on each page", async () => {
  const page = new FakePage();
  page.boxes[0].scrollTop = 500;
  page.fire("scroll");
  await page.pass(3_000);
  page.window.history.pushState(null, "", "/cart");
  page.boxes[0].scrollTop = 0;
  await page.pass(1_100);
  page.hide();
  const left = page.events.filter(({ type }) => type == "engagement");
  assert.deepEqual(left.map(({ engaged_ms, scroll }) => [engaged_ms, scroll]), [[3_000, 100], [1_000, 50]]);
});

test("a sign of life every 25 s while visible", async () => {
  const page = new FakePage();
  await page.pass(80_000);
  assert.deepEqual(types(page), ["page_view", "ping", "ping", "ping"]);
  page.hide();
  await page.pass(80_000);
  assert.deepEqual(types(page).slice(4), ["engagement"]);
  page.show();
  await page.pass();
  assert.deepEqual(types(page).slice(5), ["ping"]);
});

test("a page that stays open for days keeps to the numbers of its page instance", async () => {
  const page = new FakePage();
  for (let day = 0; day < 2; day++) await page.pass(86_400_000);
  page.hide();
  assert.equal(page.events.at(-1).type, "engagement");
  assert.ok(page.events.at(-1).n < 2_048);
  assert.equal(page.events.at(-1).engaged_ms, 2 * 86_400_000);
  for (let i = 0; i < 100; i++) page.wakeline("event", "click");
  await page.pass(3_000);
  assert.equal(page.events.at(-1).n, 2_046, "the last number is left to a choice");
});

const push = (page, to) => page.window.history.pushState(null, "", to);
const replace = (page, to) => page.window.history.replaceState(null, "", to);
const pop = (page, to) => {
  page.locate(to);
  page.fire("popstate");
};

const MOVES = {
  "pushState to another path": [push, "/cart", true],
  "pushState to another query": [push, "?size=42", true],
  "pushState to the same address": [push, "/shoes", false],
  "pushState of a fragment": [push, "#reviews", false],
  "pushState without an address": [push, undefined, false],
  "replaceState to another path": [replace, "/cart", true],
  "replaceState to the same address": [replace, "/shoes", false],
  "replaceState to another query": [replace, "?size=42", false],
  "popstate to another path": [pop, "/cart", true],
  "popstate to a fragment": [pop, "#reviews", false],
};

for (const api of ["history", "Navigation API"])
  for (const [name, [move, to, isPage]] of Object.entries(MOVES))
    test(`${name}, ${api}: ${isPage ? "a page view" : "none"}`, async () => {
      const navigation = api == "history" ? undefined : Object.assign(new EventTarget(), { currentEntry: {}, back() {} });
      const page = new FakePage({ navigation, referrer: "https://search.example/" });
      const { pushState } = page.window.history;
      await page.pass();
      move(page, to);
      if (navigation) {
        const event = new Event("currententrychange");
        event.navigationType = { [push]: "push", [replace]: "replace" }[move] ?? "traverse";
        page.dispatch(event, navigation);
      }
      await page.pass(50);
      page.title = "Cart"; // as frameworks do: some time after the navigation
      await page.pass();
      assert.deepEqual(types(page), isPage ? ["page_view", "engagement", "page_view"] : ["page_view"]);
      if (navigation) assert.equal(page.window.history.pushState, pushState, "history is left alone");
      if (!isPage) return;
      const [first, left, second] = page.events;
      assert.deepEqual([left.page, left.url, left.leave], [first.page, first.url, true]);
      assert.notEqual(second.page, first.page);
      assert.deepEqual([second.title, second.referrer, second.n], ["Cart", "https://shop.example/shoes", 0]);
      assert.ok(!second.continued);
    });

test("an element with the id `navigation`, and fields in it, is no Navigation API", async () => {
  const navigation = Object.assign(new EventTarget(), { currentEntry: new EventTarget(), back: new EventTarget() });
  const page = new FakePage({ navigation });
  await page.pass();
  push(page, "/cart");
  await page.pass();
  assert.equal(types(page).filter((type) => type == "page_view").length, 2);
});

test("a redirect within a navigation is one page view", async () => {
  const page = new FakePage();
  await page.pass();
  push(page, "/account");
  replace(page, "/account/orders");
  await page.pass();
  assert.deepEqual(page.events.map(({ url, type }) => `${type} ${new URL(url).pathname}`), [
    "page_view /shoes",
    "engagement /shoes",
    "page_view /account/orders",
  ]);
});

test("an event right after a navigation belongs to the new page", async () => {
  const page = new FakePage();
  page.touch();
  push(page, "/cart");
  page.wakeline("event", "begin_checkout");
  await page.pass();
  const [view, event] = page.events.slice(-2);
  assert.deepEqual([view.type, event.type, event.page, event.n], ["page_view", "begin_checkout", view.page, 1]);
});

test("a navigation while hidden is a page view once it is seen", async () => {
  const page = new FakePage();
  await page.pass();
  page.hide();
  push(page, "/cart");
  await page.pass(60_000);
  assert.deepEqual(types(page), ["page_view", "engagement"]);
  page.show();
  await page.pass();
  assert.deepEqual(types(page), ["page_view", "engagement", "page_view"]);
});

test("a page restored from the back/forward cache is viewed again, by itself and not from its old source", async () => {
  const page = new FakePage({ referrer: "https://search.example/" });
  await page.pass();
  page.fire("pagehide");
  page.hide();
  page.show();
  page.fire("pageshow");
  await page.pass();
  assert.deepEqual(types(page), ["page_view", "engagement", "page_view"]);
  assert.equal(new Set(page.events.map((event) => event.page)).size, 2);
  assert.equal(page.events[2].referrer, "https://shop.example/shoes");
});

test("what a site sends while its page goes belongs to that page", async () => {
  const page = new FakePage({ tag: { consent: "full" } });
  await page.pass();
  page.fire("pagehide");
  page.wakeline("event", "read");
  page.hide();
  assert.deepEqual(types(page), ["page_view", "engagement", "read"]);
  assert.equal(new Set(page.events.map((event) => event.page)).size, 1);
});

test("a tab closed in the background has nothing more to say", async () => {
  const page = new FakePage();
  await page.pass();
  page.hide();
  page.fire("pagehide");
  await page.pass();
  assert.deepEqual(types(page), ["page_view", "engagement"]);
});

// Firefox ends a script wherever it is, once, while it closes a tab; what it did until then stays done.
const CALLS_OF_A_GOODBYE = [
  ["the clock", (window) => [window.performance, "now"]],
  ["the scroll", (window) => [Object.getPrototypeOf(window.document), "elementsFromPoint"]],
  ["the text", (window) => [runInContext("JSON", window), "stringify"]],
  ["the beacon", (window) => [window.navigator, "sendBeacon"]],
];

for (const [name, find] of CALLS_OF_A_GOODBYE)
  for (const consent of ["anonymous", "full"])
    for (const order of ["before", "after"])
      test(`a last event under ${consent} that is cut off ${order} ${name} is still sent`, async () => {
        const page = new FakePage({ tag: { consent } });
        await page.pass(4_000);
        const [object, method] = find(page.window);
        const call = object[method];
        let cuts = 0;
        object[method] = function (...args) {
          object[method] = call;
          if (order == "after") call.apply(this, args);
          cuts++;
          throw new Error("cut off");
        };
        page.fire("pagehide");
        page.hide();
        assert.equal(cuts, 1);
        const told = new Map(page.events.map((event) => [event.n, event])); // as the collector counts
        assert.deepEqual([...told.values()].map(({ type }) => type), ["page_view", "engagement"]);
        assert.equal(told.get(1).engaged_ms, 4_000);
      });

test("a page whose beacon throws is another one once it is back", async () => {
  const page = new FakePage();
  await page.pass(3_000);
  const { sendBeacon } = page.window.navigator;
  page.window.navigator.sendBeacon = () => {
    throw new Error("blocked");
  };
  page.fire("pagehide");
  page.hide();
  page.window.navigator.sendBeacon = sendBeacon;
  page.show();
  await page.pass();
  assert.deepEqual(types(page), ["page_view", "engagement", "page_view"]);
});

test("a site's own event may be called engagement", async () => {
  const page = new FakePage();
  await page.pass(4_000);
  page.wakeline("event", "engagement", { with: "a poll" });
  await page.pass(1_000);
  assert.deepEqual(types(page), ["page_view", "engagement"]);
  page.hide();
  assert.equal(page.events.at(-1).engaged_ms, 5_000);
});

test("a tab that closes after another one withdrew says nothing more", async () => {
  const kept = {};
  const [one, other] = [0, 1].map(() => new FakePage({ tag: { consent: "full" }, kept }));
  for (const page of [one, other]) await page.pass(3_000);
  other.wakeline("consent", "anonymous");
  await other.pass(100);
  const before = one.posts.length;
  one.fire("pagehide");
  one.hide();
  assert.equal(one.posts.length, before);
  assert.equal(kept["wakeline.queue"] ?? "", "");
});

test("fragments stay in the browser", async () => {
  const page = new FakePage({ url: "https://shop.example/login#token=1" });
  await page.pass();
  assert.equal(page.events[0].url, "https://shop.example/login");
});

test("with data-hash the fragment is the route", async () => {
  const page = new FakePage({ tag: { hash: "" }, url: "https://shop.example/#/shoes" });
  await page.pass();
  pop(page, "#/cart");
  await page.pass();
  replace(page, "#/cart?size=42");
  await page.pass();
  const views = page.events.filter(({ type }) => type == "page_view");
  assert.deepEqual(views.map(({ url }) => url), ["https://shop.example/#/shoes", "https://shop.example/#/cart"]);
});

test("after a replaced query a fragment is still no navigation", async () => {
  const page = new FakePage();
  await page.pass();
  replace(page, "?size=42");
  push(page, "#reviews");
  await page.pass();
  assert.deepEqual(types(page), ["page_view"]);
});

test("a storm of navigations is one view, of where it settles", async () => {
  const page = new FakePage();
  await page.pass();
  for (let i = 0; i < 50; i++) {
    (i % 2 ? push : replace)(page, `/shoes/${i}`);
    await page.pass(20);
  }
  await page.pass();
  assert.deepEqual(types(page), ["page_view", "engagement", "page_view"]);
  assert.equal(page.events.at(-1).url, "https://shop.example/shoes/49");
});

test("what was engaged is told while the page stays visible without focus", async () => {
  const page = new FakePage();
  await page.pass(10_000);
  page.focused = false;
  page.fire("blur");
  await page.pass(50_000);
  assert.deepEqual(types(page), ["page_view", "engagement", "ping"]);
  assert.deepEqual([page.events[1].engaged_ms, page.events[1].leave], [10_000, false]);
  page.hide();
  assert.equal(page.events.at(-1).engaged_ms, 0);
});

test("after reset somebody else is at the device, and no visit is counted", async () => {
  const page = new FakePage({ tag: { consent: "full" } });
  await page.pass();
  const before = page.kept["wakeline.id"];
  page.wakeline("reset");
  await page.pass();
  assert.deepEqual(types(page), ["page_view", "engagement", "page_view"]);
  const [first, left, second] = page.events;
  assert.deepEqual([first.visitor, left.visitor], [before, before]);
  assert.notEqual(second.visitor, before);
  assert.equal(second.visitor, page.kept["wakeline.id"]);
  assert.equal(second.continued, true);
});

const INTERESTS = {
  "two, with spaces": [" running ,shoes", " running ,shoes"], // the collector makes them a list
  none: ["", ""],
  "no meta": [undefined, undefined],
  "an element of that name that is no meta: a template's content": [{}, {}], // the collector takes no such thing
};

for (const [name, [interests, sent]] of Object.entries(INTERESTS))
  test(`interests of a page: ${name}`, async () => {
    const page = new FakePage({ interests });
    await page.pass();
    assert.deepEqual(page.events[0].interests, sent);
  });
