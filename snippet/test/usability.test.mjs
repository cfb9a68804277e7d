// What wakeline.usability.js tells of clicks, forms and errors; tests/browsers has it in real browsers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { bundle } from "../bundle.mjs";

const code = await bundle("usability");

/** An element: its tag, its attributes, and those around it that a selector may find. */
class Element {
  constructor(localName, attributes = {}, others = {}) {
    Object.assign(this, { localName, attributes, cursor: "auto" }, others);
  }

  getAttribute(name) {
    return this.attributes[name] ?? null;
  }

  closest(selector) {
    const found = selector.split(",").some((one) => {
      const [, tag, attribute] = /^(\w*)(?:\[([\w-]+)(?:=\w+)?\])?$/.exec(one);
      return (!tag || tag == this.localName) && (!attribute || attribute in this.attributes);
    });
    return found ? this : null;
  }
}

/** A window in which the script has run; the test moves its clock, fires its events, and reads what was told. */
function load() {
  const told = [];
  const listeners = {};
  const timers = new Map();
  let now = 1_000;
  let changed;
  const window = {
    Element,
    location: { pathname: "/cart" },
    document: { hasFocus: () => window.focused },
    focused: true,
    performance: { now: () => now },
    selection: "",
    getSelection: () => window.selection,
    getComputedStyle: ({ cursor }) => ({ cursor }),
    addEventListener: (type, run) => (listeners[type] ??= []).push(run),
    setTimeout: (run, delay) => (timers.set(timers.size + 1, { at: now + delay, run }), timers.size),
    clearTimeout: (id) => timers.has(id) && (timers.get(id).run = () => {}),
    MutationObserver: class {
      constructor(run) {
        changed = run;
      }

      observe() {}
    },
    wakeline: (command, type, props) => told.push([command, type, JSON.parse(JSON.stringify(props))]),
  };
  window.window = window;
  createContext(window);
  const again = () => runInContext(code, window);
  again();
  const fire = (type, event = {}) => (listeners[type] ?? []).forEach((run) => run(event));
  return {
    window,
    again,
    fire,
    change: () => changed(),
    run: (text) => runInContext(text, window),
    pass(ms) {
      now += ms;
      for (const timer of timers.values())
        if (timer.at <= now) {
          const { run } = timer;
          timer.run = () => {};
          run();
        }
    },
    click(target, { x = 5, y = 5, detail = 1, defaultPrevented = false } = {}) {
      fire("pointerdown");
      now += 1;
      fire("click", { timeStamp: now, x, y, detail, defaultPrevented, composedPath: () => [target] });
    },
    type: (form, name, value = "hidden-from-us") =>
      fire("input", { target: new Element("input", name, { form, value }) }),
    get told() {
      return told.map(([command, type, props]) => (assert.equal(command, "event"), [type, props]));
    },
  };
}

const button = (attributes = { id: "buy" }) => new Element("button", attributes, { textContent: "Maria's cart" });
const plain = () => new Element("p", {});
const form = (name = "checkout") => new Element("form", { name });
const RAGE = ["rage_click", { element: "p#" }];
const DEAD = ["dead_click", { element: "button#buy" }];

// ---- clicks again and again

const CLICKS = {
  "three at one place are told once": { clicks: [{}, {}, {}, {}, {}], told: [RAGE] },
  "two are none": { clicks: [{}, {}], told: [] },
  "30 pixels apart is one place": { clicks: [{}, { x: 35 }, { y: 35 }], told: [RAGE] },
  "farther apart is another": { clicks: [{}, { x: 36 }, { y: 36 }], told: [] },
  "slow ones are none": { clicks: [{}, {}, {}], wait: 501, told: [] },
  "just within a second": { clicks: [{}, {}, {}], wait: 498, told: [RAGE] },
  "by keys": { clicks: [{ detail: 0 }, { detail: 0 }, { detail: 0 }], told: [] },
  "that select text": { clicks: [{}, {}, {}], selection: "a word", told: [] },
};

for (const [name, { clicks, wait = 0, selection = "", told }] of Object.entries(CLICKS))
  test(`clicks: ${name}`, () => {
    const page = load();
    const target = plain();
    page.window.selection = selection;
    for (const click of clicks) {
      page.click(target, click);
      page.pass(wait);
    }
    assert.deepEqual(page.told, told);
  });

for (const tag of ["input", "textarea", "video"])
  test(`clicks again and again on ${tag} are no annoyance`, () => {
    const page = load();
    for (let n = 0; n < 5; n++) page.click(new Element(tag));
    assert.deepEqual(page.told, []);
  });

test("nor on what is meant to be clicked often", () => {
  const page = load();
  for (let n = 0; n < 5; n++) page.click(button({ "data-wakeline-calm": "" }));
  page.pass(5_000);
  assert.deepEqual(page.told, []);
});

// ---- clicks without effect

const EFFECTS = {
  nothing: [() => {}, [DEAD]],
  "a change of the page": [(page) => page.change(), []],
  "a scroll": [(page) => page.fire("scroll"), []],
  "another window": [(page) => (page.window.focused = false), []],
  "a form that is sent": [(page) => page.fire("submit", { target: form() }), []],
  "a field that loses the focus": [(page) => page.fire("blur"), [DEAD]],
  "something typed": [(page) => page.type(null, {}), []],
};

for (const [name, [effect, told]] of Object.entries(EFFECTS))
  test(`a click after which there is ${name}`, () => {
    const page = load();
    page.click(button());
    page.pass(1_900);
    assert.deepEqual(page.told, []);
    effect(page);
    page.pass(200);
    assert.deepEqual(page.told, told);
  });

const TARGETS = {
  "a link that leads nowhere": [new Element("a", { id: "x", href: "#" }), {}, 1],
  "a link to a page that takes its time": [new Element("a", { id: "x", href: "/slow" }), {}, 0],
  "a link that the page stops": [new Element("a", { id: "x", href: "/slow" }), { defaultPrevented: true }, 1],
  "what looks like a button": [new Element("div", { id: "x" }, { cursor: "pointer" }), {}, 1],
  "what has the role of one": [new Element("div", { id: "x", role: "button" }), {}, 1],
  "text": [new Element("div", { id: "x" }), {}, 0],
};

for (const [name, [target, how, count]] of Object.entries(TARGETS))
  test(`a click in vain on ${name}: ${count}`, () => {
    const page = load();
    page.click(target, how);
    page.pass(2_100);
    assert.deepEqual(page.told, Array(count).fill(["dead_click", { element: `${target.localName}#x` }]));
  });

// ---- forms

test("a form that is left names its fields, the last one last, and nothing that was typed", () => {
  const page = load();
  const checkout = form();
  for (const name of ["email", "phone", "email"]) page.type(checkout, { name });
  page.type(checkout, { id: "note" });
  page.type(checkout, {}); // no name
  page.fire("pagehide");
  page.fire("pagehide"); // back from the cache, and left again
  assert.deepEqual(page.told, [["form_abandoned", { form: "checkout", fields: ["phone", "email", "note"] }]]);
  assert.ok(!JSON.stringify(page.told).includes("hidden"));
});

test("a form that is sent is not left, another one is", () => {
  const page = load();
  const [sent, other] = [form("sent"), form("other")];
  page.type(sent, { name: "a" });
  page.type(other, { name: "b" });
  page.fire("submit", { target: sent });
  page.fire("pagehide");
  assert.deepEqual(page.told, [["form_abandoned", { form: "other", fields: ["b"] }]]);
});

test("a field that hides a form's methods does no harm", () => {
  const page = load();
  const clobbered = Object.assign(form("f"), { getAttribute: new Element("input"), name: new Element("input") });
  page.type(clobbered, { name: "getAttribute" });
  page.fire("pagehide");
  assert.deepEqual(page.told, [["form_abandoned", { form: "f", fields: ["getAttribute"] }]]);
});

// ---- errors

const ERRORS = {
  "an error's class": ["({ message: 'Maria', error: new TypeError('Maria') })", "TypeError"],
  "a class of the page's own": ["({ reason: new (class extends Error { name = 'Late' })('Maria') })", "Late"],
  "of another site's script": ["({ message: 'Script error.', error: null })", "Error"],
  "a person that was thrown": ["({ reason: { name: 'Maria Rossi', email: 'maria@example.com' } })", "Error"],
  "a text that was thrown": ["({ reason: 'Maria Rossi' })", "Error"],
  "a missing image": ["({})", undefined],
  "a getter that throws": ["({ reason: Object.defineProperty(new Error(), 'name', { get() { throw 1 } }) })", undefined],
};

for (const type of ["error", "unhandledrejection"])
  for (const [name, [event, error]] of Object.entries(ERRORS))
    test(`${type}, ${name}: ${error}`, () => {
      const page = load();
      page.fire(type, page.run(event));
      assert.deepEqual(page.told, error ? [["js_error", { error }]] : []);
    });

// ---- bounds

test("ten of each on one page at most, and again ten on the next", () => {
  const page = load();
  const flood = () => {
    for (let n = 0; n < 50; n++) {
      page.fire("error", { message: "x" });
      page.type(form(), { name: "a" });
    }
    page.fire("pagehide");
  };
  const counts = () => page.told.map(([type]) => type).sort();
  flood();
  assert.deepEqual(counts(), [...Array(10).fill("form_abandoned"), ...Array(10).fill("js_error")]);
  page.window.location.pathname = "/thanks";
  flood();
  assert.equal(page.told.length, 40);
});

test("loaded twice it tells once, and without the other script nothing fails", () => {
  const page = load();
  page.again();
  page.fire("error", { message: "x" });
  assert.equal(page.told.length, 1);
  page.window.wakeline = undefined;
  page.fire("error", { message: "x" });
  assert.equal(page.told.length, 1);
});
