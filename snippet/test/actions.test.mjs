import assert from "node:assert/strict";
import { test } from "node:test";
import { HTMLElement, HTMLFormElement, SVGElement } from "./fake_document.mjs";
import { FakePage } from "./fake_page.mjs";

const page = async (options) => {
  const made = new FakePage({ entry: "full", ...options });
  await made.pass(2_000); // the view, and what is told after it
  return made;
};

const act = async (made, type, target, button = 0) => {
  const event = new Event(type);
  event.composedPath = () => [...target.path, made.window.document, made.window];
  event.button = button;
  made.dispatch(event);
  await made.pass();
};

const told = (made) => made.events.slice(1).map(({ type, props }) => [type, props]);

const link = (href, more = {}) => new HTMLElement("a", { href, ...more });

const LINKS = {
  "to another site": [link("https://other.example/a?token=1#b"), [["outbound_link", { url: "https://other.example/a" }]]],
  "to a page of this site": [link("/shoes"), []],
  "to a file": [link("/prices.PDF?v=2"), [["download", { url: "https://shop.example/prices.PDF" }]]],
  "to a file elsewhere": [link("https://other.example/a.zip"), [["download", { url: "https://other.example/a.zip" }]]],
  "marked as a download": [link("/export", { download: "" }), [["download", { url: "https://shop.example/export" }]]],
  "to an address for mail": [link("mailto:me@shop.example"), []],
  "that is a script": [link("javascript:void(0)"), []],
  "to what the page made": [link("blob:https://shop.example/1f0c", { download: "data.csv" }), [["download", { url: "blob:data.csv" }]]],
  "to what stands in it": [link("data:text/csv,email", { download: "data.csv" }), [["download", { url: "data:data.csv" }]]],
  "to what the page made, without a download": [link("blob:https://shop.example/1f0c"), []],
  "in a drawing, to another site": [
    new SVGElement("a", { href: "https://other.example/a" }),
    [["outbound_link", { url: "https://other.example/a" }]],
  ],
  "in a drawing, to a file": [new SVGElement("a", { href: "/a.pdf" }), [["download", { url: "https://shop.example/a.pdf" }]]],
  "around an image": [new HTMLElement("img", {}, [link("https://other.example/a")]), [["outbound_link", { url: "https://other.example/a" }]]],
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
  "an event without a name, which the collector refuses": [{ "data-wakeline-event": "" }, ["", {}]],
  "an event with an interest": [
    { "data-wakeline-event": "plan", "data-wakeline-interest": "shoes" },
    ["plan", { category: "shoes" }],
  ],
};

for (const [name, [attributes, event]] of Object.entries(MARKED)) {
  test(`${name}, told by a click inside of the marked element`, async () => {
    const made = await page();
    await act(made, "click", new HTMLElement("b", {}, [new HTMLElement("button", attributes)]));
    assert.deepEqual(told(made), [event]);
  });
  test(`${name}, told by a marked form when it is sent, not when it is clicked`, async () => {
    const made = await page();
    const form = new HTMLFormElement({ id: "signup", ...attributes }, ["email", "email", "", "plan"]);
    await act(made, "click", new HTMLElement("input", {}, [form]));
    assert.deepEqual(told(made), []);
    await act(made, "submit", form);
    assert.deepEqual(told(made), [event, ["form_submit", { form: "signup", fields: ["email", "email", "", "plan"] }]]);
  });
}

test("what was searched for is told, by the parameter that the tag names", async () => {
  const made = await page({ tag: { search: "q" }, url: "https://shop.example/search?q=red+shoes&page=2" });
  assert.deepEqual(told(made), [["search", { search_term: "red shoes" }]]);
  made.window.history.pushState(null, "", "/search?q=");
  await made.pass();
  assert.equal(made.events.filter(({ type }) => type == "search").length, 1);
});

test("the search of a first view shares its request", async () => {
  const made = new FakePage({ entry: "full", tag: { search: "q" }, url: "https://shop.example/search?q=shoes" });
  await made.pass(2_000);
  assert.deepEqual(made.posts.map(({ events }) => events.map(({ type }) => type)), [["page_view", "search"]]);
});

test("a search is told once where the visitor agrees on its page", async () => {
  const made = await page({ tag: { search: "q" }, url: "https://shop.example/search?q=shoes" });
  made.wakeline("consent", "full");
  await made.pass();
  assert.deepEqual(made.events.filter(({ type }) => type == "search").map(({ consent }) => consent), ["anonymous"]);
});

test("a page whose tag names no parameter has no search", async () => {
  assert.deepEqual(told(await page({ url: "https://shop.example/search?undefined=1&q=red" })), []);
});

test("what forms call their fields hides nothing of the form", async () => {
  const made = await page();
  const form = new HTMLFormElement({ id: "signup", "data-wakeline-event": "plan" }, ["email"]);
  for (const name of ["id", "name", "elements", "matches", "getAttribute", "getAttributeNames", "closest", "dataset"])
    Object.defineProperty(form, name, { value: new HTMLElement("input", { name }) });
  await act(made, "submit", form);
  assert.deepEqual(told(made), [["plan", {}], ["form_submit", { form: "signup", fields: ["email"] }]]);
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
  made.wakeline("purchase", { transaction_id: "A-1001", currency: "EUR" });
  made.wakeline("consent", "no such level");
  await made.pass();
  assert.deepEqual(told(made), [["purchase", { transaction_id: "A-1001", currency: "EUR" }]]);
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

test("beforeSend may make the address a relative one, which the collector reads", async () => {
  const made = await page();
  made.wakeline("beforeSend", (event) => ({ ...event, url: "/orders/*?q=1" }));
  made.wakeline("event", "click");
  await made.pass();
  assert.equal(made.events.at(-1).url, "/orders/*?q=1");
});

const EDITS = {
  "throws": () => { throw new Error("no event today"); },
  "returns nothing": () => {},
  "returns a promise": async (event) => event,
  "returns a text": (event) => JSON.stringify(event),
  "is no function": undefined,
};

for (const [name, edit] of Object.entries(EDITS))
  test(`beforeSend that ${name} leaves no event that has a name, and nothing reaches the page`, async () => {
    const made = await page();
    made.wakeline("beforeSend", edit);
    made.wakeline("event", "click");
    made.wakeline("beforeSend", (event) => event);
    made.wakeline("event", "after");
    await made.pass();
    assert.deepEqual(told(made).filter(([type]) => type), [["after", undefined]]);
  });

test("that an error in beforeSend lost an event is reported in debug mode", async () => {
  const made = await page();
  const said = [];
  made.window.console = { log: (what) => said.push(what) };
  made.wakeline("debug");
  made.wakeline("beforeSend", EDITS.throws);
  made.wakeline("event", "click");
  assert.deepEqual(said.filter((what) => what?.refused).map(({ refused }) => refused), ["click"]);
});

test("loaded twice, it tells everything once", async () => {
  const made = await page();
  made.load();
  await act(made, "click", link("https://other.example/"));
  assert.deepEqual(told(made).length, 1);
});
