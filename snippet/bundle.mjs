// Bundles the snippet's scripts, each minified and self-running; and the package, an ES module.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const source = (name) => fileURLToPath(new URL(`src/${name}.ts`, import.meta.url));

const OPTIONS = {
  bundle: true,
  minify: true,
  target: "es2020",
  charset: "utf8",
  tsconfigRaw: {}, // otherwise `strict` of tsconfig.json adds "use strict"
  write: false,
};

// Functions may become arrows, since none is a constructor; one that uses `this` does not.
const SMALLER = {
  ecma: 2020,
  compress: { passes: 3, inline: 1, lhs_constants: false, unsafe: true, unsafe_arrows: true, unsafe_comps: true },
};

// Tells V8 that all functions are called at load, so that it compiles them with the script, in the background.
// Compiled on first call, on the main thread, they cost a fifth of it.
const EAGER = "//# allFunctionsCalledOnLoad\n";

const SOURCES = { consent: "platforms" }; // consent.ts is a part of the others

const FIRST = { wakeline: EAGER, full: EAGER, vitals: "/*! web-vitals, Apache-2.0 */", consent: "", datalayer: "", usability: "" };

/**
 * A script for a tag; `entry` is wakeline, full, vitals, consent, datalayer or usability.
 * @returns {Promise<string>}
 */
export async function bundle(entry = "wakeline") {
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [source(SOURCES[entry] ?? entry)], format: "esm" });
  // A second minifier saves another 4 %.
  const { code } = await minify(outputFiles[0].text, { ...SMALLER, module: true });
  // Errors at startup must not reach the page, nor names: a block contains them, or a function if there is a
  // function declaration, which would leave a block.
  const block = code.replace(/\bvar /g, "let ").replace(/;$/, "");
  const held = /\bfunction /.test(block) ? `(()=>{${block}})()` : block;
  return `${FIRST[entry]}try{${held}}catch{}`;
}

const SETTINGS_BY_INIT = {
  name: "settings by init",
  setup: ({ onResolve }) => onResolve({ filter: /\/tag$/ }, () => ({ path: source("tag.module") })),
};

// The snippet reads the page when it starts. In the package this waits for `init`.
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
