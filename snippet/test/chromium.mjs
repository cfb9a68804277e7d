// A real Chromium behind lines of JSON: a request {id, tab, call, args} on stdin, {id, value | error} on stdout.
//
// Calls: open() -> tab, prepare(script) before every document of the tab, goto(url), run(expression) -> value,
// click(selector), front(), close(). The browser ends with stdin. Only loopback is reachable.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const profile = mkdtempSync(join(tmpdir(), "wakeline-chromium-"));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  userDataDir: profile,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ...JSON.parse(process.env.CHROMIUM_FLAGS ?? "[]"),
  ],
});

const tabs = [];

const CALLS = {
  open: async () => tabs.push(await browser.newPage()) - 1,
  prepare: async (tab, script) => void (await tab.evaluateOnNewDocument(script)),
  goto: async (tab, url) => void (await tab.goto(url, { waitUntil: "load", timeout: 20_000 })),
  run: (tab, expression) => tab.evaluate(`(async () => (${expression}))()`),
  click: (tab, selector) => tab.click(selector),
  front: (tab) => tab.bringToFront(),
  close: (tab) => tab.close({ runBeforeUnload: true }),
};

async function answer({ id, tab, call, args }) {
  try {
    return { id, value: (await CALLS[call](tabs[tab], ...args)) ?? null };
  } catch (error) {
    return { id, error: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");

await browser.close();
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
