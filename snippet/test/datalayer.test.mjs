// What wakeline.datalayer.js makes of a shop's data layer.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { bundle } from "../bundle.mjs";
import { HTMLDocument } from "./fake_document.mjs";

const code = await bundle("datalayer");
const SHAPES = fileURLToPath(new URL("shapes/", import.meta.url));

/** A window in which the script has run, and the events that it has told. */
function load({ dataset = {}, type, src = "https://stats.example/wakeline.datalayer.js", tag = { src, dataset, type }, ...others } = {}) {
  const told = [];
  const looks = []; // of the timer
  const document = new HTMLDocument({ scripts: tag ? [tag] : [{ type: "module", dataset: {} }] });
  document.addEventListener = (event, look) => event == "visibilitychange" && looks.push(look);
  const window = {
    document,
    URL,
    setInterval: (look) => looks.push(look),
    wakeline: (command, type, props) => told.push([command, type, JSON.parse(JSON.stringify(props))]),
    ...others,
  };
  window.window = window;
  createContext(window);
  const again = () => runInContext(code, window);
  again();
  return {
    window,
    again,
    look: () => looks.forEach((look) => look()),
    get told() {
      return told.map(([, type, props]) => [type, props]);
    },
    get commands() {
      return told.map(([command]) => command);
    },
  };
}

function gtag() {
  return arguments; // what it pushes
}
const entry = ({ push, gtag: values }) => (values ? gtag(...values) : push);
const purchase = (id) => ({ event: "purchase", ecommerce: { transaction_id: id, value: 5, currency: "EUR" } });
const ids = ({ told }) => told.map(([, props]) => props.transaction_id);

// ---- what shops push

for (const file of readdirSync(SHAPES)) {
  const { pushes, told } = JSON.parse(readFileSync(SHAPES + file, "utf8"));
  const entries = () => structuredClone(pushes).map(entry);

  test(`${file}, before the script`, () => {
    const shop = load({ dataLayer: entries() });
    assert.deepEqual(shop.told, told);
    assert.equal(shop.window.dataLayer.length, pushes.length);
    shop.look();
    assert.deepEqual(shop.told, told);
  });

  test(`${file}, after the script`, () => {
    const shop = load();
    entries().forEach((each, index) => assert.equal(shop.window.dataLayer.push(each), index + 1));
    assert.deepEqual(shop.told, told);
    assert.ok(shop.commands.every((command) => command == "event"));
    shop.look();
    assert.deepEqual(shop.told, told);
  });

  test(`${file}: nothing personal is told`, () => {
    assert.ok(!JSON.stringify(load({ dataLayer: entries() }).told).includes("personal"));
  });

  test(`${file}: no push is changed`, () => {
    const shop = load();
    const before = entries();
    shop.window.dataLayer.push(...before);
    assert.deepEqual(before, entries());
  });
}

test("both forms tell the same", () => {
  const said = { transaction_id: "A-1001", value: 5, currency: "EUR", items: [{ item_id: 7 }] };
  const forms = [{ event: "purchase", ecommerce: said }, { event: "purchase", ...said }, gtag("event", "purchase", said), ["event", "purchase", said]];
  for (const form of forms) assert.deepEqual(load({ dataLayer: [form] }).told, [["purchase", said]]);
});

const EVENTS = [
  ...["view_item_list", "select_item", "view_item", "add_to_cart", "remove_from_cart", "view_cart", "begin_checkout"],
  ...["add_shipping_info", "add_payment_info", "purchase", "refund", "search", "sign_up", "login"],
];
const FIELDS = [
  ...["item_id", "item_name", "item_brand", "item_category", "item_category2", "item_category3", "item_category4"],
  ...["item_category5", "item_variant", "item_list_id", "item_list_name", "transaction_id", "refund_id", "value", "currency"],
  ...["tax", "shipping", "coupon", "discount", "price", "quantity", "signature", "search_term", "method"],
];

test("every event and every field of the vocabulary", () => {
  const said = Object.fromEntries(FIELDS.map((field) => [field, "1"]));
  for (const event of EVENTS) {
    const told = [[event, { ...said, items: [said] }]];
    assert.deepEqual(load({ dataLayer: [{ event, ecommerce: { ...said, items: [said] } }] }).told, told);
  }
});

test("no other event, and no other field", () => {
  const said = { transaction_id: "A-1001", value: 5 };
  const others = [
    ...["page_view", "view_promotion", "add_to_wishlist", "generate_lead", "xpurchase", "purchases", "eventpurchase", "Purchase"],
    ...["purchase ", "view_items", "__proto__", "constructor", "identify", "forget", "", undefined, null, 7, {}, Symbol("purchase")],
  ];
  for (const event of others) assert.deepEqual(load({ dataLayer: [{ event, ecommerce: said }, gtag("event", event, said)] }).told, []);
  for (const command of ["config", "set", "get", "consent", "js"])
    assert.deepEqual(load({ dataLayer: [gtag(command, "purchase", said)] }).told, []);
  const personal = ["email", "user_data", "user_id", "customer", "name", "phone", "address", "item_email", "xvalue", "value2", "item_category6"];
  const ecommerce = { ...said, ...Object.fromEntries(personal.map((field) => [field, "personal"])) };
  assert.deepEqual(load({ dataLayer: [{ event: "purchase", ...ecommerce, ecommerce: { ...ecommerce, items: [{ item_id: "a", ...ecommerce }] } }] }).told, [
    ["purchase", { ...said, items: [{ item_id: "a", ...said }] }],
  ]);
});

test("a field that holds anything but a text or a number is left out, but a value is unknown", () => {
  const hidden = { email: "personal" };
  for (const value of [null, undefined, hidden, [1], true, () => 1]) {
    const refund = { event: "refund", ecommerce: { transaction_id: "A-1001", value } };
    assert.deepEqual(load({ dataLayer: [refund] }).told, [["refund", { transaction_id: "A-1001", value: null }]]);
  }
  const ecommerce = { transaction_id: "A-1001", coupon: hidden, tax: [hidden], shipping: true, value: "5", currency: undefined, discount: () => 1 };
  assert.deepEqual(load({ dataLayer: [{ event: "purchase", ecommerce }] }).told, [["purchase", { transaction_id: "A-1001", value: "5" }]]);
});

test("what earlier pushes said is not what this one says", () => {
  const { ecommerce } = purchase("A-1001");
  assert.deepEqual(load({ dataLayer: [{ ecommerce }, { event: "purchase" }, { event: "purchase", ecommerce: null }] }).told, []);
  const shop = load({ dataLayer: [purchase("A-1001"), { ecommerce: null }, { event: "add_to_cart", ecommerce: { items: [{ item_id: 7 }] } }] });
  assert.deepEqual(shop.told.at(-1), ["add_to_cart", { items: [{ item_id: 7 }] }]);
});

test("an event that says nothing is not told, except a registration", () => {
  const bare = EVENTS.flatMap((event) => [{ event }, { event, ecommerce: {} }, gtag("event", event), gtag("event", event, { items: [] }), gtag("event", event, null)]);
  const told = load({ dataLayer: bare }).told;
  assert.deepEqual(told.map(([event]) => event), [...Array(5).fill("sign_up"), ...Array(5).fill("login")]);
  assert.deepEqual(load({ dataLayer: [gtag("event", "purchase", { value: 5 }), gtag("event", "refund", { value: 5 })] }).told, []);
  assert.deepEqual(load({ dataLayer: [gtag("event", "begin_checkout", { value: 5 })] }).told, [["begin_checkout", { value: 5 }]]);
});

test("items: at most as many as are kept, and only of a list", () => {
  const items = Array.from({ length: 1_000 }, (_, index) => ({ item_id: index }));
  const [[, props]] = load({ dataLayer: [{ event: "view_item_list", ecommerce: { items } }] }).told;
  assert.deepEqual(props.items, items.slice(0, 200));
  for (const none of [{ 3: { item_id: "a" } }, { length: 1e9 }, new Array(1e9), "text", 7, true]) {
    const { told } = load({ dataLayer: [{ event: "purchase", ecommerce: { transaction_id: "A-1001", items: none } }] });
    assert.equal(told[0][1].transaction_id, "A-1001"); // PHP writes some lists as objects by number
    assert.ok(!told[0][1].items?.some((item) => Object.keys(item)[0]));
  }
});

// ---- once

test("an event is told once: tag managers wrap push before and after, and the script is loaded twice", () => {
  const taken = [];
  const wrap = (layer) => {
    const { push } = layer;
    layer.push = function (...entries) {
      taken.push(...entries);
      return push.apply(layer, entries);
    };
  };
  const dataLayer = [purchase("early")];
  wrap(dataLayer);
  const shop = load({ dataLayer });
  wrap(dataLayer); // GTM
  wrap(dataLayer); // gtag.js
  shop.again();
  assert.equal(dataLayer.push(purchase("late"), { event: "x" }), 3);
  shop.look();
  assert.deepEqual(ids(shop), ["early", "late"]);
  assert.equal(taken.length, 3 * 2);
});

test("a tag that pushes while another push is taken is heard", () => {
  const dataLayer = [];
  const { push } = dataLayer;
  dataLayer.push = (...entries) => {
    if (entries[0].event == "first") dataLayer.push(purchase("nested"));
    return push.apply(dataLayer, entries);
  };
  const shop = load({ dataLayer });
  dataLayer.push({ event: "first" });
  assert.deepEqual(ids(shop), ["nested"]);
});

test("the same object again is told again only if it was changed", () => {
  const shop = load();
  const said = purchase("A-1001");
  const { dataLayer } = shop.window;
  dataLayer.push(said);
  dataLayer.push(said, Object.assign(said, { "gtm.uniqueEventId": 7 }));
  said.ecommerce = { transaction_id: "A-1002" };
  shop.look(); // a cart that goes on changing is no new event
  assert.deepEqual(ids(shop), ["A-1001"]);
  dataLayer.push(said);
  assert.deepEqual(ids(shop), ["A-1001", "A-1002"]);
});

test("what was read is not read again", () => {
  let reads = 0;
  const read = Object.defineProperty({}, "event", { get: () => void reads++ });
  const cart = { event: "view_cart", ecommerce: { items: [] } };
  const shop = load({ dataLayer: [read, cart] });
  cart.ecommerce.items.push({ item_id: 7 });
  for (let n = 0; n < 5; n++) shop.look();
  assert.equal(reads, 1);
  assert.deepEqual(shop.told, []);
});

test("push is replaced once, whoever replaces it then", () => {
  const shop = load();
  const { dataLayer } = shop.window;
  const { push } = dataLayer;
  shop.look();
  shop.again();
  assert.equal(dataLayer.push, push);
  const theirs = (dataLayer.push = (...entries) => push.apply(dataLayer, entries));
  shop.look();
  shop.again();
  assert.equal(dataLayer.push, theirs);
});

test("two objects that say the same are two events", () => {
  const shop = load({ dataLayer: [purchase("A-1001"), purchase("A-1001")] });
  shop.window.dataLayer.push(purchase("A-1001"));
  assert.deepEqual(ids(shop), ["A-1001", "A-1001", "A-1001"]);
});

test("a layer that is replaced goes on being heard, and what it takes along is told once", () => {
  const early = purchase("early");
  const shop = load({ dataLayer: [early] });
  const former = shop.window.dataLayer;
  shop.window.dataLayer = [early, purchase("between")];
  shop.window.dataLayer.push = former.push; // as a copy of all of it has
  shop.look();
  shop.window.dataLayer.push(purchase("late"));
  assert.deepEqual(ids(shop), ["early", "between", "late"]);
  assert.equal(former.length, 1);
  assert.equal(shop.window.dataLayer.length, 3);
});

test("a push that is replaced, or gone round, is heard at the next look", () => {
  const shop = load({ dataLayer: [] });
  const { dataLayer } = shop.window;
  dataLayer.push = Array.prototype.push;
  dataLayer.push(purchase("replaced"));
  dataLayer[1] = purchase("placed");
  assert.deepEqual(ids(shop), []);
  shop.look();
  assert.deepEqual(ids(shop), ["replaced", "placed"]);
});

test("a layer that a tag manager shortens is heard whole", () => {
  const shop = load();
  const { dataLayer } = shop.window;
  for (let n = 0; n < 1_000; n++) {
    dataLayer.push(purchase(n));
    if (dataLayer.length > 300) dataLayer.shift();
    if (n % 100 == 0) shop.look();
  }
  assert.deepEqual(ids(shop), Array.from({ length: 1_000 }, (_, n) => n));
});

// ---- where

test("another layer: by the tag, by its URL, in a module; without a tag the usual one", () => {
  const src = "https://stats.example/wakeline.datalayer.js";
  const settings = [
    [{ dataset: { layer: "ours" } }, "ours"],
    [{ src: `${src}?layer=ours` }, "ours"],
    [{ dataset: { layer: "ours" }, type: "module" }, "ours"],
    [{ dataset: { layer: "" } }, "dataLayer"],
    [{ type: "module" }, "dataLayer"],
    [{ tag: null }, "dataLayer"],
    [{ tag: { src: "", dataset: {} } }, "dataLayer"], // code of ours in the site's own
  ];
  for (const [setting, name] of settings) {
    const shop = load({ ...setting, dataLayer: [purchase("usual")], ours: [purchase("ours")] });
    assert.deepEqual(ids(shop), [name == "ours" ? "ours" : "usual"], JSON.stringify(setting));
  }
});

test("two layers, each by a tag of its own", () => {
  const shop = load({ dataset: {}, dataLayer: [purchase("usual")], ours: [purchase("ours")] });
  runInContext(`document = Object.create(Object.create({ currentScript: { src: "", dataset: { layer: "ours" } } }), { addEventListener: { value() {} } })`, shop.window);
  shop.again();
  assert.deepEqual(ids(shop), ["usual", "ours"]);
});

test("without the main script events wait in the stub's queue", () => {
  for (const wakeline of [undefined, { q: {} }]) {
    const shop = load({ dataLayer: [purchase("A-1001")], wakeline });
    shop.window.dataLayer.push(purchase("A-1002"));
    const calls = Array.from(shop.window.wakeline.q, ([command, type, props]) => [command, type, props.transaction_id]);
    assert.deepEqual(calls, [["event", "purchase", "A-1001"], ["event", "purchase", "A-1002"]]);
  }
});

test("it makes no layer that a site's own script would not find", () => {
  const { window } = load();
  runInContext("var dataLayer = dataLayer || []; dataLayer.push({ event: 'login' })", window);
  assert.equal(window.dataLayer.length, 1);
});

// ---- hostile pages

const thrower = () => {
  throw new Error("theirs");
};

test("whatever is pushed, nothing is thrown into the page, and what follows is told", () => {
  const circular = { event: "purchase", ecommerce: { transaction_id: "circular" } };
  circular.ecommerce.items = [circular.ecommerce];
  const hostile = [
    ...[null, undefined, 7, "purchase", true, 7n, Symbol("x"), () => {}, [], {}, new Date(), /x/, NaN],
    Object.defineProperty({}, "event", { get: thrower }),
    Object.defineProperty({ event: "purchase" }, "ecommerce", { get: thrower }),
    { event: "purchase", ecommerce: Object.defineProperty({}, "value", { get: thrower, enumerable: true }) },
    { event: { toString: thrower }, ecommerce: {} },
    { event: "purchase", ecommerce: { transaction_id: "x", items: Object.defineProperty([], 0, { get: thrower, enumerable: true }) } },
    { event: "purchase", ecommerce: 7, items: "text" },
    new Proxy({}, { get: thrower, has: thrower, ownKeys: thrower, getPrototypeOf: thrower }),
    new Proxy({ event: "purchase" }, { getOwnPropertyDescriptor: thrower, ownKeys: thrower }),
    circular,
  ];
  const shop = load({ dataLayer: [...hostile, purchase("before")] });
  assert.equal(shop.window.dataLayer.push(...hostile), 2 * hostile.length + 1);
  for (const each of hostile) shop.window.dataLayer.push(each);
  shop.look();
  shop.window.dataLayer.push(purchase("after"));
  assert.deepEqual(ids(shop), ["circular", "before", "after"]);
});

test("a getter that throws beside the fields is not read", () => {
  const ecommerce = Object.defineProperty({ transaction_id: "A-1001" }, "user_data", { get: thrower, enumerable: true });
  const said = Object.defineProperty({ event: "purchase", ecommerce }, "customer", { get: thrower, enumerable: true });
  assert.deepEqual(ids(load({ dataLayer: [said] })), ["A-1001"]);
});

const frozen = (value) => (Object.values(value).forEach((each) => each && typeof each == "object" && frozen(each)), Object.freeze(value));

test("frozen pushes are told once, and a frozen layer is read", () => {
  const shop = load({ dataLayer: frozen([purchase("early")]) });
  shop.look();
  assert.deepEqual(ids(shop), ["early"]);
  shop.window.dataLayer = [];
  shop.look();
  const late = frozen(purchase("late"));
  shop.window.dataLayer.push(late);
  shop.window.dataLayer.push(late);
  assert.deepEqual(ids(shop), ["early", "late"]);
});

test("a layer that is no list harms nobody", () => {
  for (const dataLayer of [7, "text", { push: 7 }, {}, () => {}, { [Symbol.iterator]: thrower, push: () => "theirs" }]) {
    const shop = load({ dataLayer });
    shop.look();
    shop.window.dataLayer = [];
    shop.look();
    shop.window.dataLayer.push(purchase("A-1001"));
    assert.deepEqual(ids(shop), ["A-1001"]);
  }
  const own = load({ dataLayer: { push: () => "theirs" } });
  assert.equal(own.window.dataLayer.push(purchase("A-1001")), "theirs");
  assert.deepEqual(ids(own), ["A-1001"]);
});

test("an error of the page's own push stays the page's, and one of the main script does not reach it", () => {
  const dataLayer = [];
  dataLayer.push = thrower;
  const shop = load({ dataLayer });
  assert.throws(() => dataLayer.push(purchase("A-1001")), /theirs/);
  assert.deepEqual(ids(shop), ["A-1001"]);
  const { window } = load({ wakeline: thrower });
  assert.equal(window.dataLayer.push(purchase("A-1001")), 1);
});

test("10,000 pushes take milliseconds, before and after", () => {
  const many = (from) => Array.from({ length: 10_000 }, (_, n) => purchase(from + n));
  const began = performance.now();
  const shop = load({ dataLayer: many(0) });
  for (const each of many(10_000)) shop.window.dataLayer.push(each);
  for (let n = 0; n < 10; n++) shop.look();
  assert.deepEqual(ids(shop), Array.from({ length: 20_000 }, (_, n) => n));
  assert.ok(performance.now() - began < 2_000, `${performance.now() - began} ms`);
});
