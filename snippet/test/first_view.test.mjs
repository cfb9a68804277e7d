// The first view of a document waits for routers that redirect at load: a second, or until the visitor clicks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakePage, START } from "./fake_page.mjs";

const types = (page) => page.events.map(({ type }) => type);

const replace = (page, to) => page.window.history.replaceState(null, "", to);
const push = (page, to) => page.window.history.pushState(null, "", to);
const hash = (page, to) => {
  page.locate(to);
  page.fire("popstate");
};

const REDIRECTS = {
  "a replace": [{}, replace, "/de/shoes"],
  "a push": [{}, push, "/home"],
  "a fragment under data-hash": [{ tag: { hash: "" } }, hash, "#/home"],
};

for (const [name, [how, move, to]] of Object.entries(REDIRECTS))
  for (const ms of [0, 250, 900])
    test(`${name} ${ms} ms after the start is what the first view is of`, async () => {
      const page = new FakePage({ ...how, referrer: "https://search.example/" });
      await page.pass(ms);
      move(page, to);
      page.title = "Home";
      await page.pass(3_000);
      assert.deepEqual(types(page), ["page_view"]);
      const [{ url, title, referrer }] = page.events;
      assert.deepEqual([url, title, referrer], [new URL(to, "https://shop.example/shoes").href, "Home", "https://search.example/"]);
    });

test("after a second a replace is a view of its own", async () => {
  const page = new FakePage();
  await page.pass(1_000);
  replace(page, "/de/shoes");
  await page.pass();
  assert.deepEqual(types(page), ["page_view", "engagement", "page_view"]);
});

test("a click ends the wait: what it leads to is a view of its own", async () => {
  const page = new FakePage();
  await page.pass(300);
  page.fire("click");
  push(page, "/cart");
  await page.pass();
  const seen = page.events.map(({ type, url }) => `${type} ${new URL(url).pathname}`);
  assert.deepEqual(seen, ["page_view /shoes", "engagement /shoes", "page_view /cart"]);
});

for (const input of ["keydown", "pointerdown", "scroll", "focus"])
  test(`of all that visitors do only a click ends the wait: ${input} does not`, async () => {
    const page = new FakePage();
    await page.pass(300);
    page.fire(input);
    push(page, "/cart");
    await page.pass(2_000);
    assert.deepEqual(page.events.map(({ type, url }) => `${type} ${new URL(url).pathname}`), ["page_view /cart"]);
  });

test("what was engaged until it was made counts", async () => {
  const page = new FakePage();
  await page.pass(4_000);
  page.hide();
  const [view, left] = page.events;
  assert.deepEqual([view.time, left.time, left.engaged_ms], [START + 1_000, START + 4_000, 4_000]);
});

for (const exit of ["hidden", "left"])
  test(`a page ${exit} before the second is over was seen`, async () => {
    const page = new FakePage({ stub: [["event", "early"]] });
    page.wakeline("event", "click");
    await page.pass(400);
    assert.deepEqual(page.posts, []);
    if (exit == "left") page.fire("pagehide");
    page.hide();
    assert.deepEqual(types(page), ["page_view", "early", "click", "engagement"]);
    assert.deepEqual([page.events[0].time, page.events[3].engaged_ms], [START + 400, 400]);
    await page.pass(60_000);
    assert.equal(page.events.filter(({ type }) => type == "page_view").length, 1);
  });

test("calls wait in order, and belong to the page that is viewed", async () => {
  const page = new FakePage({ stub: [["event", "early"]] });
  page.wakeline("event", "click");
  replace(page, "/de/shoes");
  page.wakeline("event", "later");
  await page.pass(2_000);
  assert.deepEqual(types(page), ["page_view", "early", "click", "later"]);
  assert.deepEqual([...new Set(page.events.map(({ url }) => url))], ["https://shop.example/de/shoes"]);
  assert.equal(new Set(page.events.map((event) => event.page)).size, 1);
});

test("a page that starts hidden is viewed as soon as it is shown", async () => {
  const page = new FakePage({ visible: false });
  await page.pass(5_000);
  page.show();
  await page.pass(200);
  assert.deepEqual(types(page), ["page_view"]);
  assert.equal(page.events[0].time, START + 5_000);
});

test("a page that is shown again after its first view is not held again", async () => {
  const page = new FakePage();
  await page.pass();
  page.fire("pagehide");
  page.hide();
  await page.pass(5_000);
  page.show();
  await page.pass(200);
  assert.deepEqual(types(page), ["page_view", "engagement", "page_view"]);
  assert.equal(page.events[2].time, START + 6_000);
});
