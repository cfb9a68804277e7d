// Writes the snippet, plain and compressed: node build.mjs [folder, by default the collector's static files].
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { bundle } from "./bundle.mjs";

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL("../collector/static", import.meta.url)));
const script = Buffer.from(await bundle());
const files = {
  "wakeline.js": script,
  "wakeline.js.gz": gzipSync(script, { level: 9 }), // node writes no time into the header
  "wakeline.js.br": brotliCompressSync(script, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: script.length },
  }),
};

mkdirSync(folder, { recursive: true });
for (const [name, bytes] of Object.entries(files)) {
  writeFileSync(join(folder, name), bytes);
  console.log(`${name.padEnd(16)}${String(bytes.length).padStart(6)} bytes`);
}
