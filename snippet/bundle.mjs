// The snippet's scripts as they are served, each minified and run at once; and the package, an ES module.
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

// Functions may become arrows, since none of ours is a constructor or has a `this`.
const SMALLER = { ecma: 2020, compress: { passes: 3, inline: 1, unsafe_arrows: true } };

const NOTICES = { vitals: "/*! web-vitals, Apache-2.0 */" };

/**
 * A script for a tag; `entry` is wakeline, full or vitals.
 * @returns {Promise<string>}
 */
export async function bundle(entry = "wakeline") {
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [source(entry)], format: "iife" });
  // Also what fails while the script starts stays out of the page. A second minifier saves another 4 %.
  const format = { preamble: NOTICES[entry] };
  const { code } = await minify(`try{${outputFiles[0].text}}catch{}`, { ...SMALLER, format });
  return code;
}

const SETTINGS_BY_INIT = {
  name: "settings by init",
  setup: ({ onResolve }) => onResolve({ filter: /\/tag$/ }, () => ({ path: source("tag.module") })),
};

// The snippet looks at its page as it begins. In the package that must wait for `init`.
const WHEN_CALLED = {
  name: "module when called",
  setup: ({ onLoad }) =>
    onLoad({ filter: /module\.ts$/ }, async ({ path }) => {
      const { outputFiles } = await build({
        ...OPTIONS,
        entryPoints: [path],
        format: "iife",
        globalName: "module",
        plugins: [SETTINGS_BY_INIT],
      });
      return { contents: `export function init(options) { ${outputFiles[0].text} module.init(options) }` };
    }),
};

/**
 * The full snippet as an ES module.
 * @returns {Promise<string>}
 */
export async function bundleModule() {
  const { outputFiles } = await build({
    ...OPTIONS,
    entryPoints: [source("index")],
    format: "esm",
    plugins: [WHEN_CALLED],
  });
  return outputFiles[0].text;
}
