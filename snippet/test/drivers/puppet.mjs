// What Chromium and Firefox share: puppeteer's pages as tabs. The first page stays open, to cover the others.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

const PATIENCE_MS = 20_000;

export const folder = () => mkdtempSync(join(tmpdir(), "wakeline-browser-"));

/** `more(page, pid)`: an engine's own calls of a tab; `pid` is the browser's. */
export async function puppet({ profile, more, ...options }) {
  const browser = await puppeteer.launch({ ...options, userDataDir: profile, handleSIGINT: false });
  const { pid } = browser.process();
  const [cover = await browser.newPage()] = await browser.pages();

  const tab = (page) => ({
    goto: async (url) => void (await page.goto(url, { waitUntil: "load", timeout: PATIENCE_MS })),
    run: (expression) => page.evaluate(`(async () => (${expression}))()`),
    click: (selector, button = "left") => page.click(selector, { button }),
    press: (key) => page.keyboard.press(key),
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
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
