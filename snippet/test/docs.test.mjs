import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FakePage } from "./fake_page.mjs";

const CALLS = [
  ...["consent", "event", "identify", "forget", "reset", "debug", "beforeSend"],
  ...["view_item_list", "select_item", "view_item", "add_to_cart", "remove_from_cart", "view_cart"],
  ...["begin_checkout", "add_shipping_info", "add_payment_info", "purchase", "refund"],
  ...["offer_seen", "offer_accepted", "offer_dismissed", "survey_seen", "survey_answered"],
];

for (const path of ["../../docs/snippet.md", "../README.md"]) {
  const text = readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
  const examples = [...text.matchAll(/```js\n(.+?)```/gs)].map(([, code]) => code).filter((code) => !/^import/m.test(code));

  test(`${path} shows every call`, () => {
    const shown = examples.join("");
    for (const call of CALLS) assert.ok(shown.includes(`"${call}"`), call);
  });

  for (const [index, code] of examples.entries())
    test(`example ${index + 1} of ${path} does what it says`, async () => {
      const page = new FakePage({ entry: "full", tag: { consent: "full" } });
      await page.pass();
      const [before, said] = [page.events.length, []];
      page.window.console = { log: (...words) => said.push(...words) };
      page.wakeline("debug");
      new Function("wakeline", code)((...call) => page.wakeline(...call));
      page.wakeline("event", "afterwards");
      await page.pass();
      assert.ok(!said.some((what) => what?.refused) || /"off"|"forget"/.test(code), "nothing is refused");
      const told = page.events.slice(before).map(({ type }) => type);
      for (const [, name] of code.matchAll(/wakeline\("event", "(\w+)"/g)) assert.ok(told.includes(name), name);
      for (const [, name] of code.matchAll(/wakeline\("(identify|consent|purchase|forget)",/g)) assert.ok(told.includes(name), name);
    });
}
