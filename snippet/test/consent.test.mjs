import assert from "node:assert/strict";
import { test } from "node:test";
import { HTMLElement } from "./fake_document.mjs";
import { FakePage } from "./fake_page.mjs";

// What holds at first: the tag's level, the visitor's stored choice, Global Privacy Control.
const LEVELS = {
  "nothing said": [{}, "anonymous"],
  "tag off": [{ tag: { consent: "off" } }, undefined],
  "tag anonymous": [{ tag: { consent: "anonymous" } }, "anonymous"],
  "tag full": [{ tag: { consent: "full" } }, "full"],
  "tag misspelt": [{ tag: { consent: "ful" } }, undefined],
  "chosen full, tag off": [{ tag: { consent: "off" }, kept: { "wakeline.consent": "full" } }, "full"],
  "chosen off, tag full": [{ tag: { consent: "full" }, kept: { "wakeline.consent": "off" } }, undefined],
  "a stored choice of another's making": [{ kept: { "wakeline.consent": "!" } }, undefined],
  "GPC, tag full": [{ gpc: true, tag: { consent: "full" } }, "anonymous"],
  "GPC, chosen full": [{ gpc: true, kept: { "wakeline.consent": "full" } }, "anonymous"],
  "GPC, tag off": [{ gpc: true, tag: { consent: "off" } }, undefined],
};

for (const [name, [how, level]] of Object.entries(LEVELS))
  test(`${name}: ${level ?? "nothing is sent"}`, async () => {
    const page = new FakePage(how);
    page.wakeline("event", "click");
    await page.pass(60_000);
    page.hide();
    assert.deepEqual([...new Set(page.posts.map(({ consent }) => consent))], level ? [level] : []);
    assert.equal(page.events.some(({ visitor }) => visitor), level == "full");
    assert.equal("wakeline.id" in page.kept, level == "full");
  });

const CHANGES = {
  "anonymous to off": ["anonymous", [["consent", "off"]], "off", 0],
  "anonymous to full": [
    "anonymous", "full",
    ["page_view anonymous", "engagement anonymous", "consent anonymous", "page_view full"],
  ],
  "full to anonymous": ["full", "anonymous", ["page_view full", "engagement full", "consent full", "page_view anonymous"]],
  "full to off": ["full", "off", ["page_view full", "engagement full", "consent off"]],
  "anonymous to off": ["anonymous", "off", ["page_view anonymous", "engagement anonymous", "consent off"]],
  "off to anonymous": ["off", "anonymous", ["page_view anonymous"]],
  "off to full": ["off", "full", ["page_view full"]],
  "full to full": ["full", "full", ["page_view full"]],
  "full to something else": ["full", "everything", ["page_view full"]],
};

for (const [name, [from, to, story]] of Object.entries(CHANGES))
  test(`${name} tells ${story.length} events`, async () => {
    const page = new FakePage({ tag: { consent: from } });
    await page.pass();
    page.wakeline("consent", to);
    await page.pass();
    assert.deepEqual(page.story, story);
    for (const event of page.events) {
      if (event.type == "consent") assert.equal(event.level, to);
      assert.equal("visitor" in event, event.consent == "full" || (from == "full" && event.type == "consent"));
    }
    const pages = page.events.map((event) => event.page);
    const views = page.events.filter(({ type }) => type == "page_view");
    assert.equal(new Set(pages).size, views.length);
    assert.deepEqual(views.map(({ continued }) => continued ?? false), views.length == 2 ? [false, true] : [false]);
    assert.equal("wakeline.id" in page.kept, (to == "everything" ? from : to) == "full");
    assert.equal("wakeline.queue" in page.kept, false);
  });

test("a choice is stored as soon as it is made, and holds on the next page", async () => {
  const before = new FakePage();
  before.touch();
  before.wakeline("consent", "full");
  assert.equal(before.kept["wakeline.consent"], "full");
  await before.pass();
  const page = new FakePage({ kept: before.kept });
  await page.pass();
  assert.deepEqual(page.story, ["page_view full"]);
  assert.equal(page.events[0].visitor, before.events.at(-1).visitor);
});

test("the referrer also belongs to the page that goes on under full", async () => {
  const page = new FakePage({ referrer: "https://search.example/" });
  page.touch();
  page.wakeline("consent", "full");
  await page.pass();
  const views = page.events.filter(({ type }) => type == "page_view");
  assert.deepEqual(views.map(({ referrer }) => referrer), ["https://search.example/", "https://search.example/"]);
});

test("full, given up and given again, is another visitor", async () => {
  const page = new FakePage({ tag: { consent: "full" } });
  page.touch();
  for (const level of ["off", "full"]) page.wakeline("consent", level);
  await page.pass();
  const views = page.events.filter(({ type }) => type == "page_view");
  assert.equal(new Set(views.map(({ visitor }) => visitor)).size, 2);
});

test("GPC caps a choice of full, which is kept for when it is gone", async () => {
  const page = new FakePage({ gpc: true });
  page.wakeline("consent", "full");
  page.wakeline("identify", "customer-1042", { signature: "00" });
  await page.pass();
  assert.deepEqual(page.story, ["page_view anonymous"]);
  assert.deepEqual(page.kept, { "wakeline.consent": "full" });
});

for (const [level, story] of [["off", ["consent off"]], ["anonymous", ["consent full", "page_view anonymous"]]])
  test(`full taken back to ${level}, and not acknowledged, is told again by the next page`, async () => {
    const before = new FakePage({ tag: { consent: "full" } });
    await before.pass();
    before.status = 503;
    before.wakeline("event", "click", { type: "consent" });
    before.wakeline("consent", level);
    before.wakeline("event", "click", { type: "consent" });
    await before.pass();
    assert.equal("wakeline.id" in before.kept, false);
    assert.match(before.kept["wakeline.queue"], /^[^\n]*"level"[^\n]*$/, "nothing else is stored");
    const page = new FakePage({ tag: { consent: "full" }, kept: before.kept });
    await page.pass(2_000);
    assert.deepEqual(page.story.sort(), story);
    assert.equal(page.events.find(({ type }) => type == "consent").visitor, before.events[0].visitor);
    assert.deepEqual(page.kept, { "wakeline.consent": level });
  });

test("a withdrawal while the page is hidden forgets at once what is stored", async () => {
  const page = new FakePage({ tag: { consent: "full" }, status: 503 });
  await page.pass();
  page.hide();
  page.wakeline("consent", "off");
  assert.deepEqual(Object.keys(page.kept).sort(), ["wakeline.consent", "wakeline.queue"]);
  assert.match(page.kept["wakeline.queue"], /^0[^\n]*$/, "the withdrawal alone");
  page.status = 202;
  await page.pass(30_000);
  assert.deepEqual(page.kept, { "wakeline.consent": "off" });
});

test("a withdrawal is tried again while its page stays open", async () => {
  const page = new FakePage({ tag: { consent: "full" } });
  await page.pass();
  page.status = 0;
  page.wakeline("consent", "off");
  await page.pass();
  page.status = 202;
  await page.pass(60_000);
  assert.deepEqual(page.story.slice(-2), ["engagement full", "consent off"]);
});

test("what was queued under full is forgotten where full does not hold any more, and nobody's id is there", async () => {
  const before = new FakePage({ tag: { consent: "full" }, status: 503 });
  await before.pass();
  delete before.kept["wakeline.id"];
  const page = new FakePage({ gpc: true, kept: before.kept });
  await page.pass(2_000);
  assert.deepEqual(page.story, ["page_view anonymous"]);
  assert.deepEqual(page.kept, {});
});

const id = "0k3v9q2m1t7b5s8d4f6g2a";

// A level that was full for the visitor with this id, and is not any more, though nobody chose.
const LOWERED = {
  "Global Privacy Control, which came after full was chosen": [
    { gpc: true, kept: { "wakeline.consent": "full", "wakeline.id": id } },
    ["consent full anonymous", "page_view anonymous"],
  ],
  "Global Privacy Control on a site with full by default": [
    { gpc: true, tag: { consent: "full" }, kept: { "wakeline.id": id } },
    ["consent full anonymous", "page_view anonymous"],
  ],
  "a default of anonymous": [{ kept: { "wakeline.id": id } }, ["consent full anonymous", "page_view anonymous"]],
  "a default of off": [{ tag: { consent: "off" }, kept: { "wakeline.id": id } }, ["consent off off"]],
};

for (const [name, [how, story]] of Object.entries(LOWERED))
  test(`${name}: one withdrawal is told under the old id, which goes`, async () => {
    const page = new FakePage(how);
    await page.pass(2_000);
    const told = page.events.map(({ type, consent, level }) => [type, consent, level].filter(Boolean).join(" "));
    assert.deepEqual(told, story);
    assert.deepEqual(page.events.map(({ visitor }) => visitor), [id, undefined].slice(0, story.length));
    assert.equal("wakeline.id" in page.kept || "wakeline.queue" in page.kept, false);
    const next = new FakePage(how);
    await next.pass(2_000);
    assert.deepEqual(next.story, story.slice(1), "not the second time");
  });

test("what an earlier page queued under full is forgotten with the withdrawal that Global Privacy Control makes", async () => {
  const before = new FakePage({ tag: { consent: "full" }, status: 503 });
  await before.pass();
  const page = new FakePage({ gpc: true, kept: before.kept });
  await page.pass(2_000);
  assert.deepEqual(page.story, ["consent full", "page_view anonymous"]);
  assert.deepEqual(page.kept, {});
});

test("the last number of a page is kept for what the visitor chooses", async () => {
  const page = new FakePage({ tag: { consent: "full" } });
  const visitor = () => page.kept["wakeline.id"];
  await page.pass();
  for (let i = 0; i < 2_100; i++) {
    page.wakeline("event", "click");
    if (i % 100 == 0) await page.pass();
  }
  await page.pass(10_000);
  const before = visitor();
  assert.equal(page.events.at(-1).n, 2_046);
  page.wakeline("consent", "off");
  await page.pass();
  const { type, n, visitor: told, level } = page.events.at(-1);
  assert.deepEqual([type, n, told, level], ["consent", 2_047, before, "off"]);
  assert.equal(visitor(), undefined);
});

const FORGOTTEN = { signature: "8d".repeat(32), expires: 1_790_000_600_000 };

for (const [from, story] of Object.entries({
  full: ["page_view full", "engagement full", "consent off"],
  anonymous: ["page_view anonymous", "engagement anonymous", "consent off"],
  off: [],
}))
  test(`to be forgotten, from ${from}: like a withdrawal, after which nothing is sent`, async () => {
    const page = new FakePage({ tag: { consent: from } });
    await page.pass();
    page.wakeline("forget");
    page.wakeline("event", "click");
    await page.pass(60_000);
    assert.deepEqual(page.story, story);
    assert.deepEqual(page.kept, { "wakeline.consent": "off" });
  });

for (const from of ["full", "anonymous"])
  test(`to be forgotten, from ${from}, as the site's server signed it: told before the withdrawal`, async () => {
    const page = new FakePage({ tag: { consent: from } });
    await page.pass();
    page.wakeline("forget", "customer-1042", { ...FORGOTTEN, email: "ada@example.com" });
    await page.pass(60_000);
    assert.deepEqual(page.story, [`page_view ${from}`, `forget ${from}`, `engagement ${from}`, "consent off"]);
    const { id, signature, expires, email } = page.events[1];
    assert.deepEqual([id, { signature, expires }, email], ["customer-1042", FORGOTTEN, undefined]);
    assert.deepEqual(page.kept, { "wakeline.consent": "off" });
  });

const CHOICE = { version: 3, wording: "May we remember you?", purposes: ["personalise"] };
const chosen = (page) =>
  page.events
    .filter(({ version }) => version)
    .map(({ type, consent, level, version, wording, purposes, visitor }) => [
      type, consent, level, { version, wording, purposes }, visitor == page.kept["wakeline.id"],
    ]);

// What the page's level is at first, whether GPC is on, what is chosen, and under which level it is told how.
for (const [from, gpc, to, under] of [
  ["off", false, "full", "full"],
  ["anonymous", false, "full", "full"],
  ["full", false, "full", "full"],
  ["anonymous", false, "anonymous", "anonymous"],
  ["full", false, "anonymous", "anonymous"],
  ["anonymous", true, "full", "anonymous"],
  ["full", false, "off", undefined],
])
  test(`what was agreed to with ${to}, from ${from}${gpc ? " with GPC" : ""}: told under ${under ?? "nothing"}`, async () => {
    const page = new FakePage({ gpc, tag: { consent: from } });
    await page.pass();
    page.wakeline("consent", to, { ...CHOICE, email: "ada@example.com" });
    await page.pass();
    assert.deepEqual(chosen(page), under ? [["consent", under, under, CHOICE, true]] : []);
    assert.ok(!JSON.stringify(page.events).includes("ada@"));
    const numbers = page.events.map((event) => event.page + event.n);
    assert.equal(new Set(numbers).size, numbers.length);
  });

test("what was agreed to is not kept on the device once full is withdrawn", async () => {
  const page = new FakePage({ status: 503 });
  await page.pass();
  page.wakeline("consent", "full", CHOICE);
  await page.pass();
  assert.ok(page.kept["wakeline.queue"].includes("May we"));
  page.wakeline("consent", "off", CHOICE);
  assert.match(page.kept["wakeline.queue"], /^0{"type":"consent"[^\n]*"level":"off"}$/);
});

test("what was agreed to leaves the page's last number to a withdrawal", async () => {
  const page = new FakePage({ tag: { consent: "full" } });
  await page.pass();
  for (let i = 0; i < 2_100; i++) {
    page.wakeline("event", "click");
    if (i % 100 == 0) await page.pass();
  }
  page.wakeline("consent", "full", CHOICE);
  page.wakeline("consent", "off");
  await page.pass(10_000);
  assert.deepEqual(chosen(page), []);
  const { n, level } = page.events.at(-1);
  assert.deepEqual([n, level], [2_047, "off"]);
});

test("a consent platform that speaks before the script has loaded sets the level of the first page view", async () => {
  const page = new FakePage({ stub: [["consent", "full"], ["event", "click"]] });
  await page.pass();
  assert.deepEqual(page.story, ["page_view full", "click full"]);
});

test("its refusal, too: a known visitor is withdrawn without another page view", async () => {
  const kept = { "wakeline.consent": "full", "wakeline.id": "0k3v9q2m1t7b5s8d4f6g2a" };
  const page = new FakePage({ kept, stub: [["consent", "off"]] });
  await page.pass();
  assert.deepEqual(page.story, ["consent off"]);
  assert.equal(page.events[0].visitor, "0k3v9q2m1t7b5s8d4f6g2a");
  assert.deepEqual(page.kept, { "wakeline.consent": "off" });
});

/** Two tabs of one browser that were viewed, and what it keeps. */
const twoTabs = async (how) => {
  const kept = {};
  const tabs = [0, 1].map(() => new FakePage({ ...how, kept }));
  for (const tab of tabs) await tab.pass(2_000);
  return [...tabs, kept];
};

// What another tab decides holds here from the next look at the storage on; that tab has told the collector. Below
// `full` a tab does not look before an event: it has no id that could go out.
const ELSEWHERE = {
  "off to full": ["off", [["consent", "full"]], "full", 0],
  "full to off": ["full", [["consent", "off"]], "off", 1],
  "full to anonymous": ["full", [["consent", "anonymous"]], "anonymous", 1],
  "anonymous to full": ["anonymous", [["consent", "full"]], "full", 0],
  "full, given up and given again,": ["full", [["consent", "off"], ["consent", "full"]], "full", 1],
  "a reset": ["full", [["reset"]], "full", 0],
};

const clicked = () => {
  const link = new HTMLElement("a", { href: "https://other.example/" });
  return Object.assign(new Event("click"), { button: 0, composedPath: () => link.path });
};

// What lets this tab look, and what is told then.
const LOOKS = {
  "an event": [(page) => page.wakeline("event", "click"), ["page_view", "click"]],
  "a click on a link to elsewhere": [(page) => page.dispatch(clicked()), ["page_view", "outbound_link"]],
  "a navigation": [(page) => page.window.history.pushState(null, "", "/cart"), ["page_view"]],
  "the sign of life": [(page) => page.pass(25_000), []],
  "its window comes back": [(page) => page.fire("focus"), ["page_view"]],
  "it is shown": [(page) => (page.hide(), page.show()), ["page_view"]],
};

const BY_ID = ["an event", "a click on a link to elsewhere"]; // only who has an id looks then

for (const [name, [from, calls, to, withdrawals]] of Object.entries(ELSEWHERE))
  for (const [when, [look, told]] of Object.entries(LOOKS).filter(([when]) => from != "anonymous" || !BY_ID.includes(when)))
    test(`${name} in another tab holds in this one when ${when} is next`, async () => {
      const [page, other, kept] = await twoTabs({ entry: "full", tag: { consent: from } });
      const before = kept["wakeline.id"];
      for (const call of calls) other.wakeline(...call);
      await other.pass();
      page.posts.length = 0;
      await look(page);
      await page.pass();
      assert.deepEqual(page.story, to == "off" ? [] : told.map((type) => `${type} ${to}`));
      page.wakeline("event", "after");
      await page.pass();
      page.hide();
      const types = new Set(["page_view", ...told, "after", "engagement"]);
      assert.deepEqual(page.story, to == "off" ? [] : Array.from(types, (type) => `${type} ${to}`));
      assert.equal(to == "full", "wakeline.id" in kept);
      assert.ok(page.events.every(({ visitor }) => visitor == kept["wakeline.id"]));
      assert.ok(!before || before != kept["wakeline.id"]);
      assert.equal(other.events.filter(({ type, visitor }) => type == "consent" && visitor).length, withdrawals);
    });

for (const call of [["consent", "off"], ["reset"]])
  test(`${call[0]} in a hidden tab holds at once, also after another tab's reset`, async () => {
    const [page, other, kept] = await twoTabs({ tag: { consent: "full" } });
    page.hide();
    other.wakeline("reset");
    await page.pass();
    const before = kept["wakeline.id"];
    page.wakeline(...call);
    await page.pass(60_000);
    assert.notEqual(kept["wakeline.id"], before);
  });

test("a choice of a hidden tab does not undo a later one once that tab is shown", async () => {
  const [page, other, kept] = await twoTabs({ tag: { consent: "full" } });
  page.hide();
  other.wakeline("reset");
  await page.pass();
  page.wakeline("consent", "off");
  await page.pass();
  other.wakeline("consent", "full");
  await other.pass();
  page.show();
  await page.pass();
  assert.equal(kept["wakeline.consent"], "full");
});

for (const [state, before] of Object.entries({ shown: () => {}, hidden: (page) => page.hide() }))
  test(`a refusal in a tab, ${state}, that knows of no id yet withdraws the one that another tab has`, async () => {
    const [page, other, kept] = await twoTabs();
    before(page);
    other.wakeline("consent", "full");
    await other.pass();
    const id = kept["wakeline.id"];
    page.wakeline("consent", "anonymous");
    await page.pass();
    assert.deepEqual(
      page.events.filter(({ type }) => type == "consent").map(({ level, visitor }) => [level, visitor]),
      [["anonymous", id]],
    );
    assert.equal("wakeline.id" in kept, false);
  });

test("an open tab tells the withdrawal that a closed one could not", async () => {
  const [page, other, kept] = await twoTabs();
  other.wakeline("consent", "full");
  await other.pass();
  await page.pass();
  other.status = 503;
  other.wakeline("consent", "anonymous");
  await other.pass(); // and is closed
  await page.pass(120_000);
  assert.equal(kept["wakeline.queue"], undefined);
  assert.deepEqual(page.story.filter((told) => told.startsWith("consent")), ["consent full"]);
});

test("Global Privacy Control that is switched on meanwhile withdraws with the next sign of life", async () => {
  const page = new FakePage({ tag: { consent: "full" } });
  await page.pass(2_000);
  page.window.navigator.globalPrivacyControl = true;
  await page.pass(25_000);
  page.posts.length = 0;
  page.wakeline("event", "click");
  await page.pass();
  assert.deepEqual(page.story, ["consent full", "page_view anonymous", "click anonymous"]);
});

test("what another tab decides before the first view is what that view goes under", async () => {
  const kept = {};
  const page = new FakePage({ kept });
  kept["wakeline.consent"] = "full";
  kept["wakeline.id"] = id;
  page.wakeline("event", "click");
  await page.pass(500);
  assert.deepEqual(page.posts, []);
  await page.pass(1_500);
  assert.deepEqual(page.story, ["page_view full", "click full"]);
  assert.deepEqual(page.events.map(({ visitor }) => visitor), [id, id]);
});

test("a withdrawal in another tab before the first view holds for it, and is told once", async () => {
  const kept = { "wakeline.consent": "full", "wakeline.id": id };
  const page = new FakePage({ kept });
  const other = new FakePage({ kept });
  other.touch();
  other.wakeline("consent", "anonymous");
  await other.pass();
  await page.pass(2_000);
  assert.deepEqual(other.story, ["page_view full", "engagement full", "consent full", "page_view anonymous"]);
  assert.deepEqual(page.story, ["page_view anonymous"]);
  assert.equal("wakeline.id" in kept, false);
});
