// What the script's tag says: in its attributes, or in the query of its address where a tag manager takes those away.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakePage } from "./fake_page.mjs";

const view = async (how) => {
  const page = new FakePage(how);
  await page.pass(2_000);
  const [{ site, target, events }] = page.posts;
  return { site, target, url: events[0].url, types: events.map(({ type }) => type), consent: page.posts[0].consent };
};

const tag = (src, dataset = {}) => ({ script: { src, dataset } });

const QUERY = "https://stats.example/wakeline.js?site=mine&consent=full&hash=&endpoint=%2Fin";

test("every setting may stand in the query", async () => {
  const { site, target, url, consent } = await view({ ...tag(QUERY), url: "https://shop.example/#/shoes" });
  assert.deepEqual([site, target, url, consent], ["mine", "https://shop.example/in", "https://shop.example/#/shoes", "full"]);
});

test("so may those of the full script", async () => {
  const how = tag("https://stats.example/wakeline.full.js?site=mine&search=q&status=404");
  const page = new FakePage({ entry: "full", ...how, url: "https://shop.example/?q=red" });
  await page.pass(2_000);
  assert.deepEqual(page.events.map(({ type }) => type), ["page_view", "search", "not_found"]);
});

test("attributes win over the query", async () => {
  const dataset = { site: "demo", consent: "anonymous", hash: "false", endpoint: "/events" };
  const { site, target, url, consent } = await view({ ...tag(QUERY, dataset), url: "https://shop.example/#/shoes" });
  assert.deepEqual([site, target, url, consent], ["demo", "https://shop.example/events", "https://shop.example/", "anonymous"]);
});

const ENDPOINTS = {
  "beside the script": [undefined, "https://stats.example/v1/events"],
  "of another collector": ["https://other.example/in", "https://other.example/in"],
  "on the page's own host": ["/e", "https://shop.example/e"],
  "relative to the page": ["e", "https://shop.example/trails/e"],
  "relative to the page's base": ["e", "https://cdn.example/e", "https://cdn.example/"],
};

for (const [name, [endpoint, target, base]] of Object.entries(ENDPOINTS))
  test(`events go to an endpoint ${name}`, async () => {
    const how = { tag: endpoint ? { endpoint } : {}, url: "https://shop.example/trails/red", base };
    assert.equal((await view(how)).target, target);
  });

const FRAGMENTS = { absent: [undefined, ""], empty: ["", "#/red"], true: ["true", "#/red"], false: ["false", ""] };

for (const [name, [hash, fragment]] of Object.entries(FRAGMENTS))
  test(`data-hash ${name}: the fragment is ${fragment ? "the route" : "never sent"}, and the rest is whole`, async () => {
    const how = { tag: hash === undefined ? {} : { hash }, url: "https://shop.example/true/false?undefined=1#/red" };
    assert.equal((await view(how)).url, "https://shop.example/true/false?undefined=1" + fragment);
  });

test("a module finds its own tag, not another tool's that is none", async () => {
  const earlier = [{ src: "https://tool.example/tool.js", dataset: { site: "theirs", endpoint: "https://tool.example/" } }];
  const { site, target } = await view({ earlier, type: "module" });
  assert.deepEqual([site, target], ["demo", "https://stats.example/v1/events"]);
});
