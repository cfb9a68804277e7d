import assert from "node:assert/strict";
import { test } from "node:test";
import { FakePage, START, storage } from "./fake_page.mjs";

const full = { tag: { consent: "full" } };

const stored = (page) => (page.kept["wakeline.queue"] ?? "").split("\n").filter(Boolean);

const keys = (page) => page.events.map(({ page, n }) => `${page}.${n}`);

test("a page view leaves as soon as it is made, without a preflight and so that it outlives the page", async () => {
  const page = new FakePage(full);
  await page.pass(1_000);
  assert.deepEqual(page.story, ["page_view full"]);
  assert.equal(page.posts[0].target, "https://stats.example/v1/events");
  assert.equal(page.options.method, "POST");
  assert.equal(page.options.keepalive, true);
  assert.equal(page.options.headers, undefined);
});

test("events that are told at once share a request, which goes at once", async () => {
  const page = new FakePage(full);
  await page.pass(2_000);
  page.wakeline("event", "view_item");
  page.wakeline("event", "add_to_cart");
  await page.pass(0);
  assert.deepEqual(page.posts.map(({ events }) => events.length), [1, 2]);
});

test("what follows an event of the page within 200 ms shares its request", async () => {
  const page = new FakePage(full);
  page.window.addEventListener("keydown", () => page.wakeline("event", "typed"));
  await page.pass(2_000);
  page.fire("keydown");
  await page.pass(100);
  page.fire("keydown");
  await page.pass(99);
  assert.deepEqual(page.posts.map(({ events }) => events.length), [1]);
  await page.pass(1);
  assert.deepEqual(page.posts.map(({ events }) => events.length), [1, 2]);
});

test("events that are told while a request is under way share the next one, after its answer", async () => {
  const page = new FakePage(full);
  await page.pass(2_000);
  let answer;
  page.status = new Promise((resolve) => (answer = resolve));
  for (const name of ["view_item", "add_to_cart", "begin_checkout"]) {
    page.wakeline("event", name);
    await page.pass(50);
  }
  assert.deepEqual(page.posts.map(({ events }) => events.length), [1, 1]);
  answer(202);
  await page.pass(100);
  assert.deepEqual(page.posts.map(({ events }) => events.length), [1, 1, 2]);
});

test("an envelope of several events holds at most 50 and 50 KB", async () => {
  const page = new FakePage(full);
  for (let i = 0; i < 120; i++) page.wakeline("event", "click");
  for (let i = 0; i < 30; i++) page.wakeline("event", "comment", { text: "長".repeat(900) });
  await page.pass(3_000);
  assert.equal(page.events.length, 151);
  assert.equal(new Set(keys(page)).size, 151);
  for (const { events, text } of page.posts) {
    assert.ok(events.length <= 50);
    assert.ok(Buffer.byteLength(text) <= 50_000, `${Buffer.byteLength(text)} bytes`);
  }
});

for (const how of [full, {}])
  test(`a large event is alone in its envelope, and what follows it goes, ${how == full ? "full" : "anonymous"}`, async () => {
    const page = new FakePage(how);
    await page.pass();
    page.wakeline("event", "before");
    page.wakeline("event", "purchase", { text: "x".repeat(64_000) });
    for (const name of ["after", "later"]) page.wakeline("event", name);
    await page.pass(2_000);
    const envelopes = page.posts.map(({ events }) => events.map(({ type }) => type));
    assert.deepEqual(envelopes, [["page_view"], ["before"], ["purchase"], ["after", "later"]]);
  });

test("a large event also leaves with a page that goes, and what follows it", async () => {
  const page = new FakePage();
  await page.pass();
  page.wakeline("event", "purchase", { text: "x".repeat(64_000) });
  page.hide();
  const beacons = page.posts.filter(({ by }) => by == "beacon").map(({ events }) => events.map(({ type }) => type));
  assert.deepEqual(beacons, [["purchase"], ["engagement"]]);
});

for (const chars of [70_000, 150_000])
  test(`an event of ${chars} characters is the collector's to refuse, and what follows it goes`, async () => {
    const page = new FakePage(full);
    await page.pass();
    page.wakeline("event", "essay", { text: "x".repeat(chars) });
    page.wakeline("event", "click");
    await page.pass(3_000); // the browser takes it at the second try only
    const envelopes = page.posts.map(({ events }) => events.map(({ type }) => type));
    assert.deepEqual(envelopes, [["page_view"], ["essay"], ["click"]]);
    assert.deepEqual(stored(page), []);
  });

const ANSWERS = {
  "202 accepts": [202, true],
  "400 is final": [400, true],
  "401 is final": [401, true],
  "403 is final": [403, true],
  "404 is final": [404, true],
  "413 is final": [413, true],
  "415 is final": [415, true],
  "417 is final": [417, true],
  "422 is final": [422, true],
  "451 is final": [451, true],
  "408 is not": [408, false],
  "429 is not": [429, false],
  "500 is not": [500, false],
  "502 is not": [502, false],
  "503 is not": [503, false],
  "a network error is not": [0, false],
};

for (const [name, [status, isFinal]] of Object.entries(ANSWERS))
  test(`${name}`, async () => {
    const page = new FakePage({ ...full, status });
    await page.pass();
    assert.equal(stored(page).length, isFinal ? 0 : 1);
    page.status = 202;
    await page.pass(25_000);
    const views = page.events.filter(({ type }) => type == "page_view");
    assert.equal(views.length == 1, isFinal);
    assert.equal(new Set(views.map(({ page, n }) => page + n)).size, 1);
    assert.deepEqual(stored(page), []);
  });

test("under full, what was not acknowledged is sent by the next page, and then forgotten", async () => {
  const before = new FakePage({ ...full, status: 503 });
  before.wakeline("event", "add_to_cart");
  await before.pass();
  const page = new FakePage({ ...full, kept: before.kept, url: "https://shop.example/cart" });
  await page.pass();
  assert.deepEqual(page.story, ["page_view full", "page_view full", "add_to_cart full"], "its own first");
  assert.deepEqual(keys(page).slice(1), [...new Set(keys(before))]);
  assert.deepEqual(stored(page), []);
});

test("a beacon's fate is unknown: under full its events are sent again by the next page", async () => {
  const before = new FakePage(full);
  await before.pass();
  before.hide();
  assert.deepEqual(before.posts.at(-1).events.map(({ type }) => type), ["engagement"]);
  const page = new FakePage({ ...full, kept: before.kept });
  await page.pass();
  assert.deepEqual(page.story, ["page_view full", "engagement full"]);
  assert.equal(keys(page)[1], keys(before).at(-1));
});

test("what a refused beacon could not take leaves by the next request", async () => {
  const page = new FakePage({ beacons: false });
  await page.pass();
  page.hide();
  page.show();
  await page.pass();
  assert.deepEqual(page.story, ["page_view anonymous", "engagement anonymous", "ping anonymous"]);
});

test("there is one request at a time, and a beacon does not repeat what it carries", async () => {
  let answer;
  const page = new FakePage({ ...full, status: new Promise((resolve) => (answer = resolve)) });
  await page.pass();
  page.wakeline("event", "click");
  await page.pass();
  assert.deepEqual(page.story, ["page_view full"]);
  page.hide();
  assert.deepEqual(page.story, ["page_view full", "click full", "engagement full"]);
  answer(202);
  await page.pass();
  assert.equal(page.events.length, 3);
  assert.equal(stored(page).length, 2);
});

test("a request that has no answer is given up at the next sign of life, and its events go again", async () => {
  const page = new FakePage({ ...full, status: new Promise(() => {}) });
  await page.pass(24_999);
  assert.deepEqual(page.story, ["page_view full"]);
  page.status = 202;
  await page.pass(2_100);
  assert.deepEqual(page.story, ["page_view full", "page_view full", "ping full"]);
  assert.equal(keys(page)[0], keys(page)[1]);
  await page.pass(60_000);
  assert.equal(page.events.filter(({ type }) => type == "page_view").length, 2, "once");
  assert.deepEqual(stored(page), []);
});

test("a navigation while a request is under way does not send its events again", async () => {
  let answer;
  const page = new FakePage({ ...full, status: new Promise((resolve) => (answer = resolve)) });
  await page.pass();
  page.window.history.pushState(null, "", "/cart");
  await page.pass();
  answer(202);
  await page.pass();
  assert.deepEqual(page.story, ["page_view full", "engagement full", "page_view full"]);
  assert.deepEqual(stored(page), []);
});

test("anonymous: nothing is stored, also not when the collector is away", async () => {
  const page = new FakePage({ status: 503 });
  page.wakeline("event", "click");
  await page.pass();
  page.hide();
  assert.deepEqual(page.kept, {});
});

test("anonymous: the queue in memory is sent when the collector is back", async () => {
  const page = new FakePage({ status: 0 });
  page.wakeline("event", "click");
  await page.pass();
  page.status = 202;
  await page.pass(25_000);
  assert.deepEqual(page.story.slice(-3), ["page_view anonymous", "click anonymous", "ping anonymous"]);
});

test("the newest 200 events are stored, and none above 10,000 characters, which this page still sends", async () => {
  const page = new FakePage({ ...full, status: 503 });
  await page.pass();
  page.wakeline("event", "large", { text: "x".repeat(10_000) });
  for (let i = 0; i < 250; i++) page.wakeline("event", "comment", { i });
  await page.pass();
  const numbers = stored(page).map((entry) => JSON.parse(entry.slice(1)).props.i);
  assert.deepEqual(numbers, Array.from({ length: 200 }, (_, index) => 50 + index));
  page.status = 202;
  await page.pass(30_000);
  const told = page.events.map(({ type }) => type);
  assert.ok(told.includes("large"));
  assert.deepEqual(stored(page), []);
});

test("where the site clears localStorage, what this page told is still sent, under the same id", async () => {
  const page = new FakePage({ status: 503 });
  page.wakeline("consent", "full");
  page.wakeline("event", "before");
  await page.pass();
  const visitor = page.kept["wakeline.id"];
  for (const key of Object.keys(page.kept)) delete page.kept[key];
  page.wakeline("event", "after");
  page.status = 202;
  page.posts.length = 0;
  await page.pass(3_000);
  assert.deepEqual(page.story, ["page_view full", "before full", "after full"]);
  assert.deepEqual([...new Set(page.events.map((event) => event.visitor))], [visitor]);
});

test("two tabs have one queue: the first one sends everything, and only its own tab repeats it", async () => {
  const kept = {};
  const one = new FakePage({ ...full, kept, status: 503 });
  const two = new FakePage({ ...full, kept, status: 503 });
  await one.pass();
  await two.pass();
  one.wakeline("event", "one");
  two.wakeline("event", "two");
  assert.equal(stored(one).length, 4);
  one.status = 202;
  await one.pass(25_000);
  assert.equal(kept["wakeline.queue"], undefined);
  const accepted = keys(one).slice(-4);
  assert.equal(new Set(accepted).size, 4);
  const before = two.posts.length;
  two.status = 202;
  await two.pass(600_000);
  const resent = two.posts.slice(before).flatMap(({ events }) => events.map(({ page, n }) => `${page}.${n}`));
  const own = two.events.find(({ type }) => type == "two").page;
  assert.deepEqual(resent.filter((key) => accepted.includes(key)), [`${own}.0`, `${own}.1`], "which count once");
});

test("pauses between tries grow from a second or two to some minutes, and differ from tab to tab", async () => {
  const firsts = new Set();
  for (let tab = 0; tab < 5; tab++) {
    const page = new FakePage({ ...full, status: 503 });
    const tries = [];
    for (let second = 0; second < 1_200; second++) {
      const before = page.posts.length;
      await page.pass(1_000);
      if (page.posts.length > before) tries.push(page.now);
    }
    const pauses = tries.slice(1).map((at, index) => at - tries[index]);
    assert.ok(pauses.length < 24, `${pauses.length} tries in 20 minutes`);
    for (const [index, pause] of pauses.slice(0, 8).entries()) {
      assert.ok(pause >= 1_000 * 2 ** index - 1_000, `pause ${index} is ${pause} ms`);
      assert.ok(pause <= 2_000 * 2 ** index + 2_000, `pause ${index} is ${pause} ms`);
    }
    firsts.add(pauses[4]);
  }
  assert.ok(firsts.size > 1);
});

const PAUSES = {
  "missing: the ordinary pause": [undefined, 1],
  "of seconds": ["120", 120],
  "of no second: the ordinary pause": ["0", 1],
  "of less: the ordinary pause": ["-5", 1],
  "of an hour": ["3600", 3_600],
  "with a date: the ordinary pause": [new Date(START + 120_000).toUTCString(), 1],
  "that is no number: the ordinary pause": ["soon", 1],
  "of a day: an hour": ["86400", 3_600],
};

for (const [name, [retryAfter, seconds]] of Object.entries(PAUSES))
  test(`Retry-After ${name}`, async () => {
    const page = new FakePage({ ...full, status: 503 });
    page.retryAfter = retryAfter;
    page.touch();
    await page.pass(seconds * 1_000 - 1);
    assert.equal(page.posts.length, 1, "not earlier");
    page.status = 202;
    await page.pass(seconds * 1_000 + 200); // up to twice as long, so that not all browsers come back at once
    assert.ok(page.posts.length > 1, "nor later");
  });

test("a number that somebody else's fetch throws asks for no pause", async () => {
  const page = new FakePage(full);
  const { fetch } = page.window;
  let tries = 0;
  page.window.fetch = (...call) => (tries++ ? fetch(...call) : Promise.reject(3_600));
  page.touch();
  await page.pass(3_000);
  assert.ok(page.posts.length, "the ordinary pause, of a second at most");
});

test("the network that is back ends the pause", async () => {
  const page = new FakePage({ ...full, status: 0 });
  await page.pass(60_000);
  const before = page.posts.length;
  page.status = 202;
  page.fire("online");
  await page.pass(0);
  assert.equal(page.posts.length, before + 1);
});

test("after a failure the page's shared keepalive budget is not asked for", async () => {
  const page = new FakePage({ ...full, status: 0 });
  await page.pass(1_500);
  assert.equal(page.options.keepalive, true);
  await page.pass(5_000);
  assert.equal(page.options.keepalive, false);
});

test("sending waits for its turn where the browser has locks", async () => {
  let free;
  const turns = [];
  const locks = { request: async (name, run) => (turns.push(name), await new Promise((resolve) => (free = resolve)), run()) };
  const page = new FakePage({ ...full, locks });
  await page.pass();
  assert.deepEqual([page.posts.length, turns], [0, ["wakeline"]]);
  free();
  await page.pass();
  assert.equal(page.posts.length, 1);
});

test("where nothing is stored there is no turn to wait for", async () => {
  const turns = [];
  const page = new FakePage({ locks: { request: async (name, run) => (turns.push(name), run()) } });
  page.wakeline("event", "click");
  await page.pass(60_000);
  assert.deepEqual(page.story.slice(0, 2), ["page_view anonymous", "click anonymous"]);
  assert.deepEqual(turns, []);
});

test("an answer is only read in debug mode", async () => {
  const page = new FakePage();
  await page.pass(2_000);
  assert.deepEqual([page.posts.length, page.answersRead], [1, 0]);
  page.window.console = { log: () => {} };
  page.wakeline("debug");
  page.wakeline("event", "click");
  await page.pass();
  assert.deepEqual([page.posts.length, page.answersRead], [2, 1]);
});

test("whoever debugs sees each event as it is sent, and the name of one that is not", async () => {
  const page = new FakePage();
  await page.pass();
  const said = [];
  page.window.console = { log: (what) => said.push(what) };
  page.wakeline("debug");
  page.wakeline("event", "click", { colour: "red" });
  page.wakeline("identify", "customer-1", {}); // below full
  await page.pass();
  const [click, refused] = JSON.parse(JSON.stringify(said));
  const { by, consent, ...sent } = page.events.at(-1);
  assert.deepEqual(click, sent);
  assert.deepEqual([click.type, click.props], ["click", { colour: "red" }]);
  assert.deepEqual(refused, { refused: "identify" });
});

test("a driven browser says so", async () => {
  const [driven, own] = [new FakePage({ webdriver: true }), new FakePage()];
  await driven.pass();
  await own.pass();
  assert.deepEqual([driven.posts[0].webdriver, own.posts[0].webdriver], [true, false]);
});

const TEXTS = {
  "a lone surrogate": ["cut \ud83d", "cut \ud83d"], // as an escape, which the collector fixes
  "a whole emoji": ["\u{1f3c3}", "\u{1f3c3}"],
  "line breaks of all kinds": ["a\nb\r\nc\u2028d\u2029e", "a\nb\r\nc\u2028d\u2029e"],
  "a backslash before what looks like an escape": ["C:\\udon", "C:\\udon"],
  "a backslash before half an escape, at the end": ["C:\\ud8", "C:\\ud8"],
  quotes: ['"},{"', '"},{"'],
};

for (const [name, [said, sent]] of Object.entries(TEXTS))
  test(`${name} survives the way through storage`, async () => {
    const before = new FakePage({ ...full, status: 503 });
    await before.pass();
    before.wakeline("event", "search", { said });
    const page = new FakePage({ ...full, kept: before.kept });
    await page.pass();
    assert.equal(page.events.find(({ type }) => type == "search").props.said, sent);
  });

const STORAGES = {
  broken: storage({}, { broken: true }),
  full: storage({}, { full: true }),
  missing: null,
  "of another's making": storage({ "wakeline.queue": "\n\n" }),
};

for (const [name, localStorage] of Object.entries(STORAGES))
  test(`with a localStorage that is ${name}, the queue is in memory`, async () => {
    const page = new FakePage({ ...full, localStorage, status: 503 });
    page.wakeline("event", "click");
    await page.pass();
    page.status = 202;
    page.window.history.pushState(null, "", "/cart");
    await page.pass(5_000); // the first pause is at most two seconds
    const sent = page.events.slice(-4);
    assert.deepEqual(sent.map(({ type }) => type), ["page_view", "click", "engagement", "page_view"]);
    assert.equal(new Set(sent.map(({ visitor }) => visitor)).size, 1);
    assert.match(sent[0].visitor, /^[\w-]{20,36}$/);
  });

// ---- what is under way is given up once, and nobody else's turn with it ----

const never = () => new Promise(() => {});

/** Web Locks, of which one has its turn. */
const turns = () => {
  let turn = Promise.resolve();
  return {
    request: (_name, run) => {
      const mine = turn.then(run);
      turn = mine.catch(() => {});
      return mine;
    },
  };
};

const views = (page) => page.events.filter(({ type }) => type == "page_view").length;

test("what hangs is sent again, also where the network came back meanwhile", async () => {
  const page = new FakePage({ status: never() });
  await page.pass(5_000);
  page.status = 202;
  page.fire("online");
  await page.pass(60_000);
  assert.equal(views(page), 2);
});

for (const late of ["answer", "failure"])
  test(`a late ${late} of what was given up leaves the next request as it is`, async () => {
    let settle;
    const status = new Promise((resolve) => (settle = resolve));
    const page = new FakePage({ ...full, locks: turns(), status });
    await page.pass(25_500);
    page.status = never();
    await page.pass(2_500);
    settle(late == "answer" ? 202 : 0);
    await page.pass(0);
    page.status = 202;
    page.wakeline("event", "buy");
    await page.pass(60_000);
    assert.ok(page.events.some(({ type }) => type == "buy"));
  });

test("what was under way when the lock was lost is sent again", async () => {
  let lose;
  let isFirst = true;
  const request = (_name, run) => {
    if (!isFirst) return Promise.resolve().then(run);
    isFirst = false;
    run();
    return new Promise((_resolve, reject) => (lose = reject));
  };
  const page = new FakePage({ ...full, locks: { request }, status: never() });
  await page.pass(5_000);
  lose(new Error("lost"));
  page.status = 202;
  await page.pass(60_000);
  assert.equal(views(page), 2);
});

for (const [name, odd] of [
  ["throws", () => { throw new Error("blocked"); }],
  ["gives no promise", () => {}],
])
  test(`a fetch that ${name} is a failure like any other`, async () => {
    const page = new FakePage();
    const { fetch } = page.window;
    page.window.fetch = odd;
    await page.pass(1_000);
    page.window.fetch = fetch;
    await page.pass(3_000);
    assert.equal(page.posts.length, 1);
  });
