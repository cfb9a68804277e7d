// What the snippet sends has the fields of the golden files that the collector's tests read.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FakePage } from "./fake_page.mjs";

const golden = (name) => JSON.parse(readFileSync(new URL(`../../tests/wire/${name}.json`, import.meta.url)));

const shape = (value) => {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape);
  if (value === null || typeof value != "object") return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, shape(of)]));
};

const interests = "running, shoes";

const HOW = {
  page_view_full: async () => new FakePage({ tag: { consent: "full" }, interests }),
  page_view_anonymous: async () => new FakePage({ interests }),
  page_view_continued: async () => {
    const page = new FakePage();
    page.touch();
    page.wakeline("consent", "full");
    return page;
  },
  engagement: async () => {
    const page = new FakePage({ tag: { consent: "full" } });
    await page.pass();
    page.hide();
    return page;
  },
  ping: async () => {
    const page = new FakePage();
    await page.pass(26_000);
    return page;
  },
  consent_change: async () => {
    const page = new FakePage();
    page.touch();
    page.wakeline("consent", "full");
    return page;
  },
  consent_choice: async () => {
    const page = new FakePage({ tag: { consent: "full" } });
    page.touch();
    const { version, wording, purposes } = golden("consent_choice").events[0];
    page.wakeline("consent", "full", { version, wording, purposes });
    return page;
  },
  withdrawal: async () => {
    const page = new FakePage({ tag: { consent: "full" } });
    page.touch();
    page.wakeline("consent", "off");
    return page;
  },
  identify: async () => {
    const page = new FakePage({ tag: { consent: "full" } });
    page.wakeline("identify", "customer-1042", { signature: "3f".repeat(32) });
    return page;
  },
  identify_expires: async () => {
    const page = new FakePage({ tag: { consent: "full" } });
    page.wakeline("identify", "customer-1042", { signature: "3f".repeat(32), expires: 1790000600000 });
    return page;
  },
  forget: async () => {
    const page = new FakePage({ tag: { consent: "full" } });
    page.touch();
    page.wakeline("forget", "customer-1042", { signature: "3f".repeat(32), expires: 1790000600000 });
    return page;
  },
  custom_event: async () => {
    const page = new FakePage({ tag: { consent: "full" } });
    page.wakeline("event", "view_item", golden("custom_event").events[0].props);
    return page;
  },
  purchase: async () => {
    const page = new FakePage({ tag: { consent: "full" } });
    page.wakeline("event", "purchase", golden("purchase").events[0].props);
    return page;
  },
};

test("any text that people can read names an event", async () => {
  const names = golden("names").events.map(({ type }) => type);
  const page = new FakePage();
  for (const name of names) page.wakeline("event", name);
  await page.pass();
  const sent = page.posts.flatMap(({ events }) => events.map(({ type }) => type));
  assert.deepEqual(sent.slice(1), names);
});

for (const [name, how] of Object.entries(HOW))
  test(`${name} has the shape of its golden file`, async () => {
    const { events, ...envelope } = golden(name);
    const page = await how();
    await page.pass();
    const wanted = events[0];
    const post = page.posts.find(
      ({ consent, events }) =>
        consent == envelope.consent &&
        events.some(({ type, continued }) => type == wanted.type && continued == wanted.continued),
    );
    assert.ok(post, `no ${wanted.type} under ${envelope.consent}: ${page.story}`);
    const { by, target, text, events: sent, ...rest } = post;
    assert.deepEqual(shape(rest), shape(envelope));
    const event = sent.find(({ type, continued }) => type == wanted.type && continued == wanted.continued);
    assert.deepEqual(shape(event), shape(wanted));
    assert.match(event.page, /^[\w-]{20,36}$/);
    if (event.visitor) assert.match(event.visitor, /^[\w-]{20,36}$/);
  });
