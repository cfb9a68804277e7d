// What wakeline.consent.js makes of the words of consent platforms.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { bundle } from "../bundle.mjs";
import { HTMLDocument } from "./fake_document.mjs";

const code = await bundle("consent");

/** A window in which the script has run, and the levels that it has chosen. */
function load({ dataset = {}, src = "https://stats.example/wakeline.consent.js", ...others } = {}) {
  const chosen = [];
  const timers = [];
  const window = {
    document: new HTMLDocument({ scripts: [{ src, dataset }] }),
    URL,
    setTimeout: (run, wait, ...values) => timers.push([wait, () => run(...values)]),
    wakeline: (command, level) => chosen.push(`${command} ${level}`),
    ...others,
  };
  window.window = window;
  createContext(window);
  const again = () => runInContext(code, window);
  again();
  return { window, chosen, timers, again };
}

// ---- Google's consent mode

function gtag() {
  return arguments; // what it pushes
}
const granted = (...modes) => Object.fromEntries(modes.map((mode) => [mode, "granted"]));
const denied = (...modes) => Object.fromEntries(modes.map((mode) => [mode, "denied"]));
const ALL = ["ad_storage", "ad_user_data", "ad_personalization", "analytics_storage"];
const DENIED = gtag("consent", "default", { ...denied(...ALL), wait_for_update: 500 });
const update = (said) => gtag("consent", "update", said);

const MODES = {
  "nothing": [[], []],
  "a default, which is no choice": [[DENIED], []],
  "a default that grants everything": [[gtag("consent", "default", granted(...ALL))], []],
  "everything is agreed to": [[DENIED, update(granted(...ALL))], ["full"]],
  "only analytics": [[DENIED, update(granted("analytics_storage"))], ["anonymous"]],
  "only advertising": [[DENIED, update(granted("ad_storage", "ad_personalization"))], ["off"]],
  "nothing is agreed to": [[DENIED, update(denied(...ALL))], ["off"]],
  "personalisation of the site, not of advertising": [
    [DENIED, update(granted("analytics_storage", "personalization_storage"))],
    ["full"],
  ],
  "personalisation of advertising, not of the site": [
    [DENIED, update({ ...granted(...ALL), ...denied("personalization_storage") })],
    ["anonymous"],
  ],
  "what the choice does not name is as by default": [
    [gtag("consent", "default", granted("analytics_storage")), update(granted("ad_personalization"))],
    ["full"],
  ],
  "a region's default denies what that of all others grants": [
    [
      gtag("consent", "default", granted("analytics_storage")),
      gtag("consent", "default", { ...denied("analytics_storage"), region: ["DE"] }),
      update(granted("ad_personalization")),
    ],
    ["off"],
  ],
  "a region's default grants nothing": [
    [gtag("consent", "default", { ...granted("analytics_storage"), region: ["US"] }), update(granted("ad_storage"))],
    ["off"],
  ],
  "a default after the choice changes nothing": [
    [update(granted(...ALL)), DENIED, update({ security_storage: "granted" })],
    ["full"],
  ],
  "a change of mind": [[DENIED, update(granted(...ALL)), update(denied(...ALL))], ["full", "off"]],
  "the same choice twice": [[DENIED, update(granted(...ALL)), update(granted(...ALL))], ["full"]],
  "a list instead of gtag's arguments": [[["consent", "update", granted(...ALL)]], ["full"]],
  "other entries": [[{ event: "gtm.js" }, gtag("js", new Date()), null, "consent", 7, update(undefined), { 0: "consent" }], ["off"]],
};

for (const [name, [entries, levels]] of Object.entries(MODES)) {
  const wanted = levels.map((level) => `consent ${level}`);

  test(`consent mode, before the script: ${name}`, () => {
    const { chosen, window } = load({ dataset: { from: "gcm" }, dataLayer: [...entries] });
    assert.deepEqual([...new Set(chosen)].slice(-1), wanted.slice(-1));
    assert.deepEqual(chosen, wanted);
    assert.equal(window.dataLayer.length, entries.length);
  });

  test(`consent mode, after the script: ${name}`, () => {
    const { chosen, window } = load({ dataset: { from: "gcm" } });
    entries.forEach((entry, index) => assert.equal(window.dataLayer.push(entry), index + 1));
    assert.deepEqual(chosen, wanted);
    assert.deepEqual([...window.dataLayer], entries);
  });
}

test("a tag manager that replaces push later, or did before, still gets everything", () => {
  const taken = [];
  const wrap = (layer) => {
    const { push } = layer;
    layer.push = (...entries) => (taken.push(...entries), push.apply(layer, entries));
  };
  const dataLayer = [];
  wrap(dataLayer);
  const { chosen } = load({ dataset: { from: "gcm" }, dataLayer });
  wrap(dataLayer);
  dataLayer.push(update(granted(...ALL)), { event: "x" });
  assert.equal(taken.length, 4);
  assert.equal(dataLayer.length, 2);
  assert.deepEqual(chosen, ["consent full"]);
});

test("another data layer, and settings in the script's URL", () => {
  const src = "https://stats.example/wakeline.consent.js?from=gcm&layer=ours&denied=anonymous";
  const { chosen, window } = load({ src, dataLayer: [update(granted(...ALL))] });
  window.ours.push(update(denied(...ALL)));
  assert.deepEqual(chosen, ["consent anonymous"]);
});

test("without the main script the choice waits in the stub's queue", () => {
  const { window } = load({ dataset: { from: "gcm" }, dataLayer: [update(granted(...ALL))], wakeline: undefined });
  window.dataLayer.push(update(denied(...ALL)));
  assert.deepEqual(Array.from(window.wakeline.q, (call) => Array.from(call)), [["consent", "full"], ["consent", "off"]]);
});

test("loaded twice, or asked for nothing, it does no harm", () => {
  const twice = load({ dataset: { from: "gcm" }, dataLayer: [update(granted(...ALL))] });
  twice.again();
  assert.deepEqual(new Set(twice.chosen), new Set(["consent full"]));
  for (const dataset of [{}, { from: "" }, { from: "other" }]) {
    const { chosen, window } = load({ dataset, __tcfapi: assert.fail, dataLayer: [update(granted(...ALL))] });
    assert.deepEqual(chosen, []);
    assert.ok(!Object.hasOwn(window.dataLayer, "push"));
  }
});

test("an error of the site's own call stays out of the page", () => {
  const wakeline = () => {
    throw new Error("theirs");
  };
  const { window } = load({ dataset: { from: "gcm" }, wakeline });
  assert.equal(window.dataLayer.push(update(granted(...ALL))), 1);
});

// ---- the IAB's framework

const consents = (...ids) => Object.fromEntries(ids.map((id) => [id, true]));
const told = (ids, { interests = [], eventStatus = "useractioncomplete", gdprApplies = true } = {}) => ({
  gdprApplies,
  eventStatus,
  purpose: { consents: { 2: true, ...consents(...ids) }, legitimateInterests: consents(...interests) },
});

const FRAMEWORK = {
  "the platform is shown: no choice yet": [[told([1, 5, 6, 8], { eventStatus: "cmpuishown" })], []],
  "where the law does not apply nothing is chosen": [[told([], { gdprApplies: false })], []],
  "all four purposes": [[told([1, 5, 6, 8])], ["full"]],
  "stored by an earlier page": [[told([1, 5, 6, 8], { eventStatus: "tcloaded" })], ["full"]],
  "without storage": [[told([5, 6, 8])], ["anonymous"]],
  "without profiles": [[told([1, 6, 8])], ["anonymous"]],
  "without their use": [[told([1, 5, 8])], ["anonymous"]],
  "without measurement": [[told([1, 5, 6])], ["off"]],
  "measurement by legitimate interest": [[told([], { interests: [8] })], ["anonymous"]],
  "a profile by legitimate interest": [[told([1, 8], { interests: [5, 6] })], ["anonymous"]],
  "nothing": [[told([])], ["off"]],
  "a change of mind": [[told([1, 5, 6, 8]), told([1, 5, 6, 8], { eventStatus: "cmpuishown" }), told([])], ["full", "off"]],
};

for (const [name, [said, levels]] of Object.entries(FRAMEWORK))
  test(`the framework: ${name}`, () => {
    let hear;
    const __tcfapi = (command, version, callback) => {
      assert.deepEqual([command, version], ["addEventListener", 2]);
      hear = callback;
    };
    const { chosen } = load({ dataset: { from: "tcf" }, __tcfapi });
    for (const data of said) hear(data, true);
    hear(null, false);
    hear(told([1, 5, 6, 8]), false);
    assert.deepEqual(chosen, levels.map((level) => `consent ${level}`));
  });

test("a framework that comes later is waited for, ever more rarely", () => {
  const { chosen, timers, window } = load({ dataset: { from: "tcf", denied: "anonymous" } });
  const waits = [];
  for (let i = 0; i < 5; i++) {
    const [wait, run] = timers.shift();
    waits.push(wait);
    if (i == 4) window.__tcfapi = (_command, _version, hear) => hear(told([]), true);
    run();
  }
  assert.deepEqual(waits, [50, 100, 200, 400, 800]);
  assert.deepEqual(timers, []);
  assert.deepEqual(chosen, ["consent anonymous"]);
});
