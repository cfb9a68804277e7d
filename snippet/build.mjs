// Writes the scripts that the collector serves, under their names and versioned names, plain and compressed:
//   node build.mjs [--release] [folder, by default the collector's static files]
// --release publishes the version: its files never change again. --package writes the files for `npm pack` into dist.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants } from "node:zlib";
import { bundle, bundleModule } from "./bundle.mjs";
import { integrity, NAME, publish, read } from "./published.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const json = (path) => JSON.parse(readFileSync(here(path)));
const { values: asked, positionals } = parseArgs({
  options: { release: { type: "boolean" }, package: { type: "boolean" } },
  allowPositionals: true,
});
const folder = positionals[0] ?? here(asked.package ? "dist" : "../collector/static");
const { version } = json("package.json");
const budgets = json("budgets.json"); // bytes by script

const brotli = (script) =>
  brotliCompressSync(script, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: script.length },
  });

/** With gzip itself, without name and time: Node's zlib output is about 15 bytes larger. */
const gzip = (script) => execFileSync("gzip", ["-9nc"], { input: script });

const scripts = {};
for (const name of Object.keys(budgets)) {
  const script = Buffer.from(await bundle(name.split(".").at(-1)));
  scripts[name] = { "": script, ".gz": gzip(script), ".br": brotli(script) };
}

const tooLarge = Object.keys(scripts).filter((name) => scripts[name][".gz"].length > budgets[name]);
for (const [name, forms] of Object.entries(scripts)) {
  const sizes = Object.values(forms).map((bytes) => String(bytes.length).padStart(6));
  const verdict = tooLarge.includes(name) ? "above its budget of" : "of";
  console.log(`${`${name}.js`.padEnd(22)}${sizes[0]} bytes,${sizes[1]} gzip ${verdict} ${budgets[name]},${sizes[2]} brotli`);
}
if (tooLarge.length) {
  console.error("Too large: nothing was written.");
  process.exit(1);
}

const files = { "wakeline.vitals.LICENSE.txt": readFileSync(here("node_modules/web-vitals/LICENSE")) };
if (asked.package) {
  rmSync(folder, { recursive: true, force: true });
  files["index.js"] = await bundleModule();
  for (const [name, forms] of Object.entries(scripts)) files[`${name}.js`] = forms[""];
} else {
  const hashes = Object.fromEntries(Object.entries(scripts).map(([name, forms]) => [name, integrity(forms[""])]));
  const before = read(folder);
  const after = publish(before, version, hashes, { releases: asked.release });
  for (const gone of Object.keys(before.versions).filter((known) => !after.versions[known]))
    for (const name of Object.keys(before.versions[gone]))
      for (const form of ["", ".gz", ".br"]) rmSync(join(folder, `${name}.${gone}.js${form}`), { force: true });
  for (const [name, forms] of Object.entries(scripts))
    for (const [form, bytes] of Object.entries(forms)) {
      files[`${name}.js${form}`] = bytes;
      files[`${name}.${version}.js${form}`] = bytes;
    }
  files[NAME] = `${JSON.stringify(after, null, 2)}\n`;
}

mkdirSync(folder, { recursive: true });
for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
