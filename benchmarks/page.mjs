// What trackers cost the main thread of a page, in a real Chromium: node page.mjs UMAMI_SOURCE ROUNDS EVENTS > JSON
//
// The answer: {tracker: [{load_ms, event_us}, ...]}, a pair for each round. Time is the CPU time of the page's main
// thread inside of scripts, as Chromium's own trace tells it: compiling, running, timers, what answers to requests do.
// A page has no script but the tracker and its tag; what the same page costs without either is `nothing`.
// Each page is a first visit, in a browser context of its own with empty caches and storage. Rounds take turns.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const here = (path) => new URL(path, import.meta.url);
const installed = createRequire(here("../snippet/package.json"));
const puppeteer = installed("puppeteer-core").default ?? installed("puppeteer-core");
const esbuild = installed("esbuild");

const [umami, rounds, events] = process.argv.slice(2);
const APART_MS = 300; // as people act: what gathers events for a moment gets no batch together
const SETTLED_MS = 600; // after the load event: the page view was sent and answered

// ---- the trackers: a script for its tag, more of the tag, and how an event is told ----------------

const ours = (name) => readFileSync(here(`../collector/static/${name}.js`), "utf8");
const OURS = 'data-site="shop" data-endpoint="{collector}/v1/events"';

/** As a site builds it that installs the rival's package. */
const bundled = async (contents) =>
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
  nothing: { script: "", tag: "", tell: "() => {}" },
  core: { script: ours("wakeline"), tag: OURS, tell: 'wakeline.bind(null, "event")' },
  full: { script: ours("wakeline.full"), tag: OURS, tell: 'wakeline.bind(null, "event")' },
  stored: { script: ours("wakeline.full"), tag: `${OURS} data-consent="full"`, tell: 'wakeline.bind(null, "event")' },
  plausible: {
    script: await bundled(`
      import { init, track } from "@plausible-analytics/tracker";
      const all = { outboundLinks: true, fileDownloads: true, formSubmissions: true, captureOnLocalhost: true };
      init({ domain: "shop.example", endpoint: "{collector}/api/event", ...all });
      window.bench = (name, props) => track(name, { props });`),
    tag: "",
    tell: "bench",
  },
  umami: {
    script: (await esbuild.transform(readFileSync(umami, "utf8"), { minify: true })).code,
    tag: 'data-website-id="shop" data-host-url="{collector}"',
    tell: "umami.track",
  },
  snowplow: {
    script: await bundled(`
      import { enableActivityTracking, newTracker, trackPageView, trackStructEvent } from "@snowplow/browser-tracker";
      newTracker("shop", "{collector}", { appId: "shop" });
      enableActivityTracking({ minimumVisitLength: 10, heartbeatDelay: 10 });
      trackPageView();
      window.bench = (action, { product }) => trackStructEvent({ category: "shop", action, property: product });`),
    tag: "",
    tell: "bench",
  },
};

// ---- the site, and under another origin the collector that everything is sent to ------------------

const bodies = [];

const html = ({ tag, script }, name) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Shoes</title>
<link rel="icon" href="data:,">${script && `<script defer src="/${name}.js" ${tag}></script>`}
<h1>Shoes</h1><p>${"All about shoes. ".repeat(400)}</p>`;

const site = createServer((request, response) => {
  const name = request.url.slice(1).replace(".js", "");
  const tracker = TRACKERS[name];
  const body = tracker && filled(request.url.endsWith(".js") ? tracker.script : html(tracker, name));
  const type = request.url.endsWith(".js") ? "text/javascript" : "text/html";
  response.writeHead(tracker ? 200 : 404, { "content-type": `${type}; charset=utf-8` }).end(body);
});

const collector = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.method == "POST") bodies.push(Buffer.concat(chunks).toString());
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
const filled = (text) => text.replaceAll("{collector}", target);

// ---- one visit --------------------------------------------------------------------------------------

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

/** The scripts that ran on the thread which left marks in the trace, in order; and the times of the marks. */
function read(trace) {
  const marks = trace.filter(({ name }) => name == "TimeStamp");
  const [{ pid, tid }] = marks;
  const scripts = trace
    .filter((event) => event.pid == pid && event.tid == tid && event.ph == "X" && RUNS.has(event.name))
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  return { scripts, at: (mark) => marks.find(({ args }) => args.data.message == mark).ts };
}

async function visit(browser, name) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const session = await page.createCDPSession();
  bodies.length = 0;
  await page.tracing.start({ categories: ["devtools.timeline", "v8"] });
  await page.goto(`${url}/${name}`, { waitUntil: "load" });
  await sleep(SETTLED_MS);
  await session.send("Runtime.evaluate", { expression: "console.timeStamp('loaded')" });
  const run = `setTimeout(() => {
    const act = ${TRACKERS[name].tell};
    let acts = 0;
    console.timeStamp("telling");
    const timer = setInterval(() => {
      if (acts++ == ${events}) { clearInterval(timer); console.timeStamp("told"); }
      else act("bench_click", { product: "trail-runner", category: "shoes", price: 129.9 });
    }, ${APART_MS});
  })`;
  await session.send("Runtime.evaluate", { expression: run });
  await sleep((+events + 1) * APART_MS + 200);
  const trace = JSON.parse(Buffer.from(await page.tracing.stop()).toString()).traceEvents;
  await context.close();
  const arrived = bodies.join().split("bench_click").length - 1;
  if (name != "nothing" && (arrived != +events || bodies.length < 2))
    throw new Error(`${name}: ${arrived} of ${events} events arrived, in ${bodies.length} requests`);
  const { scripts, at } = read(trace);
  return {
    load_ms: spent(scripts, 0, at("loaded")),
    event_us: (spent(scripts, at("telling"), at("told")) * 1000) / events,
  };
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
const found = Object.fromEntries(Object.keys(TRACKERS).map((name) => [name, []]));
try {
  await visit(browser, "nothing"); // the browser's own first time
  for (let round = 0; round < +rounds; round++)
    for (const name of Object.keys(TRACKERS)) found[name].push(await visit(browser, name));
} finally {
  await browser.close();
  site.close();
  collector.close();
}
console.log(JSON.stringify(found));
