import assert from "node:assert/strict";
import { test } from "node:test";
import { FakePage } from "./fake_page.mjs";

/** An element among `around`, as far as the snippet looks at it. */
const element = (tag, attributes = {}, around = []) => {
  const data = (name) => name.slice(5).replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  const list = Object.entries(attributes).map(([name, value]) => ({ name, value }));
  const self = attributes.href ? new URL(attributes.href, "https://shop.example/") : {};
  return Object.assign(self, {
    attributes: Object.assign(list, attributes),
    dataset: Object.fromEntries(list.filter(({ name }) => /^data-/.test(name)).map(({ name, value }) => [data(name), value])),
    getAttribute: (name) => attributes[name] ?? null,
    matches: (selector) => selector.split(",").some((one) => is(tag, attributes, one)),
    closest: (selector) => [self, ...around].find((one) => one.matches(selector)) ?? null,
  });
};

const is = (tag, attributes, selector) => {
  const [, name, attribute] = /^(\w*)(?:\[([\w-]+)\])?$/.exec(selector);
  return (!name || name == tag) && (!attribute || attribute in attributes);
};

const page = async (options) => {
  const made = new FakePage({ entry: "full", ...options });
  await made.pass();
  return made;
};

const act = async (made, type, target, button = 0) => {
  const event = new Event(type);
  Object.defineProperty(event, "target", { value: target });
  event.button = button;
  made.window.dispatchEvent(event);
  await made.pass();
};

const told = (made) => made.events.slice(1).map(({ type, props }) => [type, props]);

const link = (href, more = {}) => element("a", { href, ...more });

const LINKS = {
  "to another site": [link("https://other.example/a?token=1#b"), [["outbound_link", { url: "https://other.example/a" }]]],
  "to a page of this site": [link("/shoes"), []],
  "to a file": [link("/prices.PDF?v=2"), [["download", { url: "https://shop.example/prices.PDF" }]]],
  "to a file elsewhere": [link("https://other.example/a.zip"), [["download", { url: "https://other.example/a.zip" }]]],
  "marked as a download": [link("/export", { download: "" }), [["download", { url: "https://shop.example/export" }]]],
  "to an address for mail": [link("mailto:me@shop.example"), []],
  "that is a script": [link("javascript:void(0)"), []],
  "around an image": [element("img", {}, [link("https://other.example/a")]), [["outbound_link", { url: "https://other.example/a" }]]],
};

for (const [name, [target, events]] of Object.entries(LINKS))
  for (const [button, type] of [[0, "click"], [1, "auxclick"]])
    test(`a link ${name}, ${type}`, async () => {
      const made = await page();
      await act(made, type, target, button);
      assert.deepEqual(told(made), events);
    });

test("the menu of a link is no click on it", async () => {
  const made = await page();
  await act(made, "auxclick", link("https://other.example/"), 2);
  assert.deepEqual(told(made), []);
});

const MARKED = {
  "an event": [{ "data-wakeline-event": "plan", "data-wakeline-prop-name": "pro" }, ["plan", { name: "pro" }]],
  "an interest": [{ "data-wakeline-interest": "shoes" }, ["interest", { category: "shoes" }]],
  "an event with an interest": [
    { "data-wakeline-event": "plan", "data-wakeline-interest": "shoes" },
    ["plan", { category: "shoes" }],
  ],
};

for (const [name, [attributes, event]] of Object.entries(MARKED)) {
  test(`${name}, told by a click inside of the marked element`, async () => {
    const made = await page();
    await act(made, "click", element("b", {}, [element("button", attributes)]));
    assert.deepEqual(told(made), [event]);
  });
  test(`${name}, told by a marked form when it is sent, not when it is clicked`, async () => {
    const made = await page();
    const form = element("form", { id: "signup", ...attributes });
    made.fields = ["email", "email", "plan"];
    await act(made, "click", element("input", {}, [form]));
    assert.deepEqual(told(made), []);
    await act(made, "submit", form);
    assert.deepEqual(told(made), [event, ["form_submit", { form: "signup", fields: ["email", "email", "plan"] }]]);
  });
}

test("what was searched for is told, by the parameter that the tag names", async () => {
  const made = await page({ tag: { search: "q" }, url: "https://shop.example/search?q=red+shoes&page=2" });
  assert.deepEqual(told(made), [["search", { term: "red shoes" }]]);
  made.window.history.pushState(null, "", "/search?q=");
  await made.pass();
  assert.equal(made.events.filter(({ type }) => type == "search").length, 1);
});

test("a lost page is told once: where the site goes from there is another", async () => {
  const made = await page({ responseStatus: 404 });
  assert.deepEqual(told(made), [["not_found", undefined]]);
  made.window.history.pushState(null, "", "/shoes");
  await made.pass();
  assert.equal(made.events.filter(({ type }) => type == "not_found").length, 1);
});

test("where the browser keeps the status to itself, or the server has it wrong, the tag says it", async () => {
  for (const responseStatus of [null, 200, 404]) {
    const made = await page({ tag: { status: "404" }, responseStatus });
    assert.deepEqual(told(made), [["not_found", undefined]]);
  }
  assert.deepEqual(told(await page({ responseStatus: null })), []);
});

test("a word that is no command is an event of that name", async () => {
  const made = await page();
  made.wakeline("purchase", { order: "A-1001", currency: "EUR" });
  made.wakeline("consent", "no such level");
  await made.pass();
  assert.deepEqual(told(made), [["purchase", { order: "A-1001", currency: "EUR" }]]);
});

test("beforeSend edits and drops, but for what the visitor chose", async () => {
  const made = await page({ tag: { consent: "full" } });
  made.wakeline("beforeSend", (event) => {
    if (event.type == "secret" || event.type == "consent") return;
    event.props = { edited: true };
    return event;
  });
  made.wakeline("event", "click");
  made.wakeline("event", "secret");
  made.wakeline("consent", "off");
  await made.pass();
  assert.deepEqual(made.events.slice(1).map(({ type }) => type), ["click", "engagement", "consent"]);
  assert.deepEqual(made.events[1].props, { edited: true });
  assert.equal(made.events[3].level, "off");
});

test("loaded twice, it tells everything once", async () => {
  const made = await page();
  made.load();
  await act(made, "click", link("https://other.example/"));
  assert.deepEqual(told(made).length, 1);
});
