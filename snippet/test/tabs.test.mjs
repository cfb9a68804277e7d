// Several tabs of one browser that act at random, each over a network of its own that comes and goes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakePage, START } from "./fake_page.mjs";

const ACTS = 30;
const MOST_TABS = 6;
const STATUSES = [202, 202, 503, 0];

/** Numbers from 0 up to 1, the same for the same seed. */
function chances(seed) {
  let state = seed * 7_919;
  return () => (state = (state * 1_664_525 + 1_013_904_223) >>> 0) / 2 ** 32;
}

class Browser {
  constructor(seed) {
    this.chance = chances(seed);
    this.kept = {};
    this.tabs = []; // open ones
    this.all = [];
    this.now = 0;
    this.withdrawn = new Map(); // id -> when, ms
    this.entry = this.pick(["wakeline", "full"]);
    this.consent = this.pick(["full", "anonymous", "off"]);
    this.open();
    this.open();
  }

  pick(list) {
    return list[Math.floor(this.chance() * list.length)];
  }

  open() {
    const { entry, kept } = this;
    const page = new FakePage({ entry, tag: { consent: this.consent }, kept, visible: this.chance() < 0.7, status: this.pick(STATUSES) });
    page.now = this.now;
    this.tabs.push(page);
    this.all.push(page);
  }

  async pass(ms) {
    this.now += ms;
    for (const page of this.tabs) await page.pass(this.now - page.now);
  }

  async choose(page) {
    const level = this.pick(["full", "full", "anonymous", "off"]);
    const { "wakeline.id": id } = this.kept;
    page.wakeline("consent", level);
    await page.pass(0);
    // it may wait for a page's first view
    if (id && level != "full" && this.kept["wakeline.consent"] == level) this.withdrawn.set(id, this.now);
  }

  async act() {
    const page = this.pick(this.tabs);
    const acts = {
      event: () => page.wakeline("event", "click"),
      consent: () => this.choose(page),
      reset: () => page.wakeline("reset"),
      hide: () => page.hide(),
      show: () => page.show(),
      focus: () => page.visible && page.fire("focus"),
      touch: () => page.visible && page.touch(),
      navigate: () => page.window.history.pushState(null, "", `/${Math.floor(this.chance() * 1_000)}`),
      network: () => (page.status = this.pick(STATUSES)),
      open: () => this.all.length < MOST_TABS && this.open(),
      close: () => this.tabs.length > 1 && (page.hide(), this.tabs.splice(this.tabs.indexOf(page), 1)),
    };
    await acts[this.pick(["event", "event", "consent", ...Object.keys(acts)])]();
    await this.pass(this.pick([5, 5, 1_200, 26_000]));
  }

  /** The network is back for all, and then the visitor opens one more page. */
  async end() {
    for (const page of this.tabs) {
      page.status = 202;
      page.show();
    }
    for (let i = 0; i < 3; i++) await this.pass(300_000);
    for (const page of this.tabs.splice(0)) page.hide();
    this.open();
    this.tabs[0].status = 202;
    this.tabs[0].show();
    await this.pass(60_000);
  }
}

for (let seed = 1; seed <= 60; seed++)
  test(`tabs that act at random agree about consent, seed ${seed}`, async () => {
    const browser = new Browser(seed);
    for (let i = 0; i < ACTS; i++) await browser.act();
    await browser.end();
    const events = browser.all.flatMap((page) => page.events);
    for (const [id, when] of browser.withdrawn) {
      const its = events.filter(({ visitor }) => visitor == id);
      assert.ok(!its.length || its.some(({ type }) => type == "consent"), `the withdrawal of ${id} is told`);
      assert.deepEqual(its.filter(({ type, time }) => type != "consent" && time > START + when), [], "no id goes out after it");
    }
    assert.equal(browser.kept["wakeline.queue"], undefined, "nothing is left");
    assert.ok(browser.all.every(({ posts }) => posts.length < 400), "no requests without end");
  });
