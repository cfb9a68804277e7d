// Draws boards: node draw.mjs FOLDER, which has a NAME.json for each picture; writes FOLDER/NAME.png.
import { once } from "node:events";
import { createServer } from "node:http";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import puppeteer from "puppeteer-core";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [folder] = process.argv.slice(2);
const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync", "--hide-scrollbars", "--font-render-hinting=none"],
];
const SETTLE_MS = 700; // curves are drawn a few frames later

const { outputFiles } = await build({
  entryPoints: [here("board.tsx")],
  bundle: true,
  write: false,
  outdir: "drawn",
  minify: true,
  format: "iife",
  jsx: "automatic",
  loader: { ".svg": "dataurl", ".ttf": "empty", ".woff": "empty", ".woff2": "dataurl" },
  define: { global: "window", "process.env.NODE_ENV": '"production"' },
  logLevel: "error",
});
const [script, style] = [".js", ".css"].map((kind) => outputFiles.find((file) => file.path.endsWith(kind))?.text || "");

// A page with an address: the components keep things in localStorage.
const PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><div id="root"></div>';
const server = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end(PAGE)).listen(0, "127.0.0.1");
await once(server, "listening");
const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: FLAGS, headless: true });
try {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json")).sort()) {
    const given = JSON.parse(readFileSync(join(folder, file)));
    const page = await browser.newPage();
    const faults = [];
    page.on("pageerror", (error) => faults.push(error.stack || String(error)));
    await page.setViewport({ width: given.width, height: 900 });
    page.on("console", (message) => message.type() == "error" && faults.push(message.text()));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.evaluate((said) => (window.GIVEN = said), given);
    await page.addStyleTag({ content: style });
    await page.evaluate(() => Promise.all(["400", "500"].map((weight) => document.fonts.load(`${weight} 14px Inter`))));
    await page.addScriptTag({ content: script });
    await page.waitForSelector("#board", { timeout: 10_000 }).catch(() => faults.push("no board"));
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    if (faults.length) throw new Error(`${file}: ${faults.join("\n").slice(0, 3_000)}`);
    const board = await page.$("#board");
    const { height } = await board.boundingBox();
    await page.setViewport({ width: given.width, height: Math.ceil(height) });
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    writeFileSync(join(folder, file.replace(/json$/, "png")), await board.screenshot({ type: "png" }));
    console.log(file.replace(/json$/, "png"));
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
}
