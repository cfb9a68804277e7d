// What Chromium and Firefox share: puppeteer's pages as tabs. The first page stays open, to cover the others.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

const PATIENCE_MS = 20_000;

export const folder = (engine) => mkdtempSync(join(tmpdir(), `wakeline-${engine}-`));

/** `more(page, pid)`: an engine's own calls of a tab; `pid` is the browser's. */
export async function puppet({ profile, more, ...options }) {
  const userDataDir = profile ?? folder(options.browser ?? "chromium");
  const browser = await puppeteer.launch({ ...options, userDataDir, handleSIGINT: false });
  const { pid } = browser.process();
  const [cover = await browser.newPage()] = await browser.pages();

  const tab = (page) => ({
    prepare: async (script) => void (await page.evaluateOnNewDocument(script)),
    goto: async (url) => void (await page.goto(url, { waitUntil: "load", timeout: PATIENCE_MS })),
    run: (expression) => page.evaluate(`(async () => (${expression}))()`),
    click: (selector, button = "left") => page.click(selector, { button }),
    hide: () => cover.bringToFront(),
    show: () => page.bringToFront(),
    close: () => page.close({ runBeforeUnload: true }),
    offline: (is) => page.setOfflineMode(is),
    ...more(page, pid),
  });

  return {
    version: () => browser.version(),
    open: async (how = "visible") => {
      const page = await browser.newPage({ type: how == "beside" ? "window" : "tab" });
      if (how == "hidden") await cover.bringToFront();
      return tab(page);
    },
    quit: async () => {
      await browser.close().catch(() => {}); // it may have been killed
      if (!profile) rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
