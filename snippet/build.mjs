// Bundles and compresses the snippet: node build.mjs [folder, by default the collector's static files].
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.argv[2] ?? join(here, "../collector/static"));

const { outputFiles } = await build({
  entryPoints: [join(here, "src/wakeline.ts")],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  charset: "utf8",
  write: false,
  tsconfigRaw: {},
});

// Also what fails while the script starts stays out of the page.
const script = Buffer.from(`try{${outputFiles[0].text.trim()}}catch{}`);
const files = {
  "wakeline.js": script,
  "wakeline.js.gz": gzipSync(script, { level: 9 }),
  "wakeline.js.br": brotliCompressSync(script, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: script.length },
  }),
};

mkdirSync(folder, { recursive: true });
for (const [name, bytes] of Object.entries(files)) {
  writeFileSync(join(folder, name), bytes);
  console.log(`${name.padEnd(16)}${String(bytes.length).padStart(6)} bytes`);
}
