// The snippet as it is served: one minified script that runs at once.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** @returns {Promise<string>} */
export async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("src/wakeline.ts", import.meta.url))],
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2020",
    charset: "utf8",
    tsconfigRaw: {}, // else `strict` of tsconfig.json puts "use strict" in front
    write: false,
  });
  return `try{${outputFiles[0].text.trim()}}catch{}`; // what fails while the script starts stays out of the page too
}
