// The snippet as it is served: one minified script that runs at once.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

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
  // Also what fails while the script starts stays out of the page. A second minifier saves another 4 %;
  // functions may become arrows, since none of ours is a constructor or has a `this`.
  const { code } = await minify(`try{${outputFiles[0].text}}catch{}`, {
    ecma: 2020,
    compress: { passes: 3, inline: 1, unsafe_arrows: true },
  });
  return code;
}
