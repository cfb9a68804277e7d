// The snippet's scripts as they are served: each minified, run at once.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const source = (name) => fileURLToPath(new URL(`src/${name}.ts`, import.meta.url));

const OPTIONS = {
  bundle: true,
  minify: true,
  target: "es2020",
  charset: "utf8",
  tsconfigRaw: {}, // else `strict` of tsconfig.json puts "use strict" in front
  write: false,
};

/**
 * A script for a tag; `entry` is wakeline, full or vitals.
 * @returns {Promise<string>}
 */
export async function bundle(entry = "wakeline") {
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [source(entry)], format: "iife" });
  // Also what fails while the script starts stays out of the page. A second minifier saves another 4 %;
  // functions may become arrows, since none of ours is a constructor or has a `this`.
  const { code } = await minify(`try{${outputFiles[0].text}}catch{}`, {
    ecma: 2020,
    compress: { passes: 3, inline: 1, unsafe_arrows: true },
  });
  return code;
}

const SETTINGS_BY_INIT = {
  name: "settings by init",
  setup: ({ onResolve }) => onResolve({ filter: /\/tag$/ }, () => ({ path: source("tag.module") })),
};

/**
 * The full snippet as an ES module.
 * @returns {Promise<string>}
 */
export async function bundleModule() {
  const { outputFiles } = await build({
    ...OPTIONS,
    entryPoints: [source("module")],
    format: "esm",
    plugins: [SETTINGS_BY_INIT],
  });
  return outputFiles[0].text;
}
