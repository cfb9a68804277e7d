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
const SMALLER = {
  ecma: 2020,
  compress: { passes: 3, inline: 1, lhs_constants: false, unsafe: true, unsafe_arrows: true, unsafe_comps: true },
};

// Ours says that its functions are called at load: V8 then compiles them with the script, in the background. Found when
// called, on the main thread, they cost a fifth of it.
const EAGER = "//# allFunctionsCalledOnLoad\n";

const FIRST = { wakeline: EAGER, full: EAGER, vitals: "/*! web-vitals, Apache-2.0 */" };

/**
 * A script for a tag; `entry` is wakeline, full or vitals.
 * @returns {Promise<string>}
 */
export async function bundle(entry = "wakeline") {
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [source(entry)], format: "esm" });
  // A second minifier saves another 4 %.
  const { code } = await minify(outputFiles[0].text, { ...SMALLER, module: true });
  // Also what fails while the script starts stays out of the page, and no name gets there: a block holds them, and a
  // function where there is a declared one, which would leave a block.
  const block = code.replace(/\bvar /g, "let ").replace(/;$/, "");
  const held = /\bfunction /.test(block) ? `(()=>{${block}})()` : block;
  return `${FIRST[entry]}try{${held}}catch{}`;
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
