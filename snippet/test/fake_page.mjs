// A page without a browser: its clock, storage, network and visibility are in the test's hands.
import { createContext, runInContext } from "node:vm";
import { bundle } from "../bundle.mjs";
import { HTMLDocument, HTMLElement, HTMLFormElement } from "./fake_document.mjs";

const scripts = { wakeline: await bundle(), full: await bundle("full") };

export const START = 1_790_000_000_000;

const MAX_KEEPALIVE = 65_536; // bytes, of what outlives a page

/** What localStorage is to a script; `broken` throws at every touch, `full` at every write. */
export function storage(kept = {}, { broken = false, full = false } = {}) {
  const check = (fails) => {
    if (fails) throw new Error("storage");
  };
  return new Proxy(kept, {
    get: (target, key) => (check(broken), target[key]),
    set: (target, key, value) => (check(broken || full), (target[key] = String(value)), true),
    deleteProperty: (target, key) => (check(broken), delete target[key]),
  });
}

export class FakePage {
  /**
   * Tag attributes, what earlier pages stored, `code` that the page runs before our script, and how this browser
   * differs from a visible, focused tab.
   */
  constructor({
    entry = "wakeline",
    responseStatus = 200,
    tag = {},
    type = "text/javascript",
    script = { src: "https://stats.example/wakeline.js", type, dataset: { site: "demo", ...tag } },
    earlier = [],
    code = "",
    kept = {},
    localStorage = storage(kept),
    url = "https://shop.example/shoes",
    base,
    referrer = "",
    title = "Shoes",
    interests,
    visible = true,
    focused = true,
    gpc,
    stub,
    webdriver,
    locks,
    navigation,
    status = 202,
    beacons = true,
  } = {}) {
    Object.assign(this, { kept, visible, focused, status, beacons, title, referrer, interests, base });
    this.scripts = [...earlier, script];
    this.boxes = [{ scrollHeight: 1000, scrollTop: 0 }]; // in the middle of the window, the root last
    this.now = 0;
    this.timers = [];
    this.posts = []; // every envelope, parsed, with `by`: fetch or beacon
    this.answersRead = 0;
    const post = (by, target, body) => this.posts.push({ by, target: new URL(target, base ?? window.location).href, text: body, ...JSON.parse(body) });
    const window = new EventTarget();
    const now = () => START + this.now;
    const history = {
      pushState: (_state, _title, to) => this.locate(to),
      replaceState: (_state, _title, to) => this.locate(to),
    };
    Object.assign(window, {
      window,
      URL,
      HTMLDocument,
      HTMLElement,
      HTMLFormElement,
      console,
      crypto,
      queueMicrotask,
      addEventListener: window.addEventListener.bind(window),
      history,
      navigation,
      localStorage,
      location: new URL(url),
      innerWidth: 800,
      innerHeight: 500,
      Date: class extends Date {
        static now = now;

        constructor() {
          super(now());
        }
      },
      performance: { now: () => 1 + this.now, getEntriesByType: () => [{ responseStatus }] },
      setTimeout: (run, delay = 0, ...args) => this.timers.push({ at: this.now + delay, run: () => run(...args) }),
      setInterval: (run, delay) => this.timers.push({ at: this.now + delay, run, delay }),
      navigator: {
        globalPrivacyControl: gpc,
        webdriver,
        locks,
        sendBeacon: (target, body) => this.beacons && (post("beacon", target, body), true),
      },
      fetch: async (target, { body, ...options }) => {
        if (this.posts.length > 9_999) throw new Error("too many"); // without a pause there would be no end
        if (options.keepalive && Buffer.byteLength(body) > MAX_KEEPALIVE) throw new TypeError("keepalive");
        post("fetch", target, body);
        this.options = options;
        const status = await this.status;
        if (!status) throw new TypeError("network");
        const text = async () => (this.answersRead++, "");
        return { status, text, headers: { get: () => this.retryAfter ?? null } };
      },
      document: new HTMLDocument(this),
    });
    if (stub) {
      window.wakeline = (...call) => window.wakeline.q.push(call);
      window.wakeline.q = stub;
    }
    this.window = window;
    this.wakeline = (...call) => window.wakeline(...call);
    const context = createContext(window);
    runInContext(code, context);
    this.load = () => runInContext(scripts[entry], context, { filename: script.src });
    this.load();
  }

  locate(to) {
    if (to !== undefined) this.window.location.href = new URL(to, this.window.location).href;
  }

  /** While its listeners run an event is also `window.event`. */
  dispatch(event, target = this.window) {
    this.window.event = event;
    target.dispatchEvent(event);
    this.window.event = undefined;
  }

  fire(event) {
    this.dispatch(new Event(event));
  }

  /** The visitor does something, before which a redirect at load may still come. */
  touch() {
    this.fire("click");
  }

  /** Lets time pass and every answer arrive. */
  async pass(ms = 1_000) {
    const until = this.now + ms;
    await settled();
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.now = Math.max(this.now, due.at);
      if (due.delay) due.at += due.delay;
      else this.timers.splice(this.timers.indexOf(due), 1);
      due.run();
      await settled();
    }
    this.now = until;
  }

  show() {
    this.visible = true;
    this.fire("visibilitychange");
  }

  hide() {
    this.visible = false;
    this.fire("visibilitychange");
  }

  /** Every event handed to the browser, in order, with the `consent` it went under. */
  get events() {
    return this.posts.flatMap(({ consent, by, events }) => events.map((event) => ({ consent, by, ...event })));
  }

  /** "page_view full", "engagement full", ... */
  get story() {
    return this.events.map(({ type, consent }) => `${type} ${consent}`);
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
