// What trackers cost the main thread of a page, in a real Chromium, any of those below, each so many rounds:
//   node page.mjs EVENTS TRACKER=ROUNDS ... [--umami SOURCE] > JSON
//   node page.mjs 6 nothing=15 full=15 plausible=15
//
// The answer: {tracker: [{round, load_ms, event_us}, ...]}. Time is the CPU time of the page's main thread inside of
// scripts, as Chromium's own trace tells it: compiling, running, timers, what answers to requests do.
// A page has no script but the tracker and its tag; what the same page costs without either is `nothing`.
// Each page is a first visit, in a browser context and a process of its own with empty caches and storage. In a round
// each tracker has one: they are loaded one after another, in another order than in the round before, and then act in
// turns, so that whatever else the machine does meets all. Who has fewer rounds sits out evenly.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const here = (path) => new URL(path, import.meta.url);
const installed = createRequire(here("../snippet/package.json"));
const puppeteer = installed("puppeteer-core").default ?? installed("puppeteer-core");
const esbuild = installed("esbuild");

const { values: asked, positionals } = parseArgs({ options: { umami: { type: "string" } }, allowPositionals: true });
const [events, ...wanted] = positionals;
const rounds = new Map(wanted.map((pair) => pair.split("=")).map(([name, count]) => [name, +count]));
const APART_MS = 300; // as people act: what gathers events for a moment gets no batch together
const SETTLED_MS = 1_500; // after the load event: a view that waited for a second was sent and answered

// ---- the trackers: what makes the script for its tag, more of the tag, and how an event is told ----

const ours = (name) => () => readFileSync(here(`../collector/static/${name}.js`), "utf8");
const OURS = 'data-site="shop" data-endpoint="{collector}/v1/events"';

/** As a site builds it that installs the rival's package. */
const bundled = (contents) => async () =>
  (
    await esbuild.build({
      stdin: { contents, resolveDir: new URL("rivals", import.meta.url).pathname },
      bundle: true,
      minify: true,
      format: "iife",
      write: false,
      logLevel: "error",
    })
  ).outputFiles[0].text;

const TRACKERS = {
  nothing: { script: () => "", tag: "", tell: "() => {}" },
  core: { script: ours("wakeline"), tag: OURS, tell: 'wakeline.bind(null, "event")' },
  full: { script: ours("wakeline.full"), tag: OURS, tell: 'wakeline.bind(null, "event")' },
  stored: { script: ours("wakeline.full"), tag: `${OURS} data-consent="full"`, tell: 'wakeline.bind(null, "event")' },
  plausible: {
    script: bundled(`
      import { init, track } from "@plausible-analytics/tracker";
      const all = { outboundLinks: true, fileDownloads: true, formSubmissions: true, captureOnLocalhost: true };
      init({ domain: "shop.example", endpoint: "{collector}/api/event", ...all });
      window.bench = (name, props) => track(name, { props });`),
    tag: "",
    tell: "bench",
  },
  umami: {
    script: async () => (await esbuild.transform(readFileSync(asked.umami, "utf8"), { minify: true })).code,
    tag: 'data-website-id="shop" data-host-url="{collector}"',
    tell: "umami.track",
  },
  snowplow: {
    script: bundled(`
      import { enableActivityTracking, newTracker, trackPageView, trackStructEvent } from "@snowplow/browser-tracker";
      newTracker("shop", "{collector}", { appId: "shop" });
      enableActivityTracking({ minimumVisitLength: 10, heartbeatDelay: 10 });
      trackPageView();
      window.bench = (action, { product }) => trackStructEvent({ category: "shop", action, property: product });`),
    tag: "",
    tell: "bench",
  },
};

const served = {};
for (const name of rounds.keys()) served[name] = await TRACKERS[name].script();

// ---- the site, and under another origin the collector that everything is sent to ------------------

const bodies = new Map(); // by tracker, whose collector has its name as the first part of its path

const html = (name) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Shoes</title>
<link rel="icon" href="data:,">${served[name] && `<script defer src="/${name}.js" ${TRACKERS[name].tag}></script>`}
<h1>Shoes</h1><p>${"All about shoes. ".repeat(400)}</p>`;

const site = createServer((request, response) => {
  const name = request.url.slice(1).replace(".js", "");
  const isScript = request.url.endsWith(".js");
  const isKnown = name in served;
  const type = isScript ? "text/javascript" : "text/html";
  response.writeHead(isKnown ? 200 : 404, { "content-type": `${type}; charset=utf-8` });
  response.end(isKnown ? (isScript ? served[name] : html(name)).replaceAll("{collector}", `${target}/${name}`) : "");
});

const collector = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.method == "POST") bodies.get(request.url.split("/")[1]).push(Buffer.concat(chunks).toString());
  response.writeHead(202, {
    "access-control-allow-origin": request.headers.origin ?? "*",
    "access-control-allow-credentials": "true",
    "access-control-allow-headers": request.headers["access-control-request-headers"] ?? "",
  });
  response.end(request.method == "POST" ? '{"accepted":1}' : "");
});

const listening = async (server) => {
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${server.address().port}`;
};
const url = await listening(site);
const target = await listening(collector);

// ---- a round ----------------------------------------------------------------------------------------

const RUNS = new Set(["EvaluateScript", "v8.compile", "FunctionCall", "TimerFire", "RunMicrotasks", "EventDispatch"]);

/** Milliseconds of CPU time in the outermost of these events on the thread, between two times of the trace. */
function spent(scripts, from, until) {
  let end = 0;
  let total = 0;
  for (const { ts, dur, tdur } of scripts) {
    if (ts < from || ts >= until || ts < end) continue;
    end = ts + dur;
    total += tdur ?? 0; // shorter than the clock's step
  }
  return total / 1000;
}

/** What a page's scripts cost, by the trace and the marks that the page left in it. */
function cost(trace, name) {
  const marks = trace.filter((event) => event.name == "TimeStamp");
  const mark = (what) => marks.find(({ args }) => args.data.message == `${name} ${what}`);
  const { pid, tid, ts: loaded } = mark("loaded");
  const scripts = trace
    .filter((event) => event.pid == pid && event.tid == tid && event.ph == "X" && RUNS.has(event.name))
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  return {
    load_ms: spent(scripts, 0, loaded),
    event_us: (spent(scripts, mark("telling").ts, mark("told").ts) * 1000) / events,
  };
}

/** For the page: tells the events, between two marks. What the last one still does while another would be told counts too. */
const telling = (name) => `new Promise((resolve) => {
  const act = ${TRACKERS[name].tell};
  let acts = 0;
  console.timeStamp("${name} telling");
  const timer = setInterval(() => {
    if (acts++ < ${events}) return act("bench_click", { product: "trail-runner", category: "shoes", price: 129.9 });
    if (acts == ${events} + 1) return;
    clearInterval(timer);
    console.timeStamp("${name} told");
    resolve();
  }, ${APART_MS});
})`;

/** By tracker, what one page with it cost. */
async function visit(browser, names) {
  const pages = [];
  for (const name of names) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    pages.push({ name, context, page, session: await page.createCDPSession() });
    bodies.set(name, []);
  }
  const [{ page: any }] = pages;
  await any.tracing.start({ categories: ["devtools.timeline", "v8", "v8.execute"] });
  for (const { name, page } of pages) await page.goto(`${url}/${name}`, { waitUntil: "load" });
  await sleep(SETTLED_MS);
  const acting = [];
  for (const { name, session } of pages) {
    await session.send("Runtime.evaluate", { expression: `console.timeStamp("${name} loaded")` });
    acting.push(session.send("Runtime.evaluate", { expression: telling(name), awaitPromise: true }));
    await sleep(APART_MS / names.length);
  }
  await Promise.all(acting);
  const trace = JSON.parse(Buffer.from(await any.tracing.stop()).toString()).traceEvents;
  for (const { context } of pages) await context.close();
  for (const name of names) {
    const arrived = bodies.get(name).join().split("bench_click").length - 1;
    if (name != "nothing" && (arrived != +events || bodies.get(name).length < 2))
      throw new Error(`${name}: ${arrived} of ${events} events arrived, in ${bodies.get(name).length} requests`);
  }
  return names.map((name) => [name, cost(trace, name)]);
}

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  ignoreDefaultArgs: ["--enable-automation"], // trackers look away from a driven browser
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-blink-features=AutomationControlled",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--user-agent=Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  ],
});

const most = Math.max(...rounds.values());

/** The trackers of a round, in its order. */
function turns(round) {
  const names = [...rounds.keys()];
  names.push(...names.splice(0, round % names.length));
  if (round % 2) names.reverse();
  const due = (name, before) => Math.floor((before * rounds.get(name)) / most);
  return names.filter((name) => due(name, round + 1) > due(name, round));
}

const found = Object.fromEntries([...rounds.keys()].map((name) => [name, []]));
try {
  await visit(browser, turns(most - 1)); // the browser's own first time
  for (let round = 0; round < most; round++)
    for (const [name, pair] of await visit(browser, turns(round))) found[name].push({ round, ...pair });
} finally {
  await browser.close();
  site.close();
  collector.close();
}
console.log(JSON.stringify(found));
