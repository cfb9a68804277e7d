// Builds the applications as their sites would: node build.mjs FOLDER
//
// react.jsx: React Router with a tag of ours; react_package.jsx: the same with the package; vue.js: Vue Router.
// cookieconsent.mjs and klaro.mjs are the recipes of docs/snippet.md for these consent platforms.
import { fileURLToPath } from "node:url";
import { build } from "../../../snippet/node_modules/esbuild/lib/main.js";
import { bundleModule } from "../../../snippet/bundle.mjs";

const PACKAGE = {
  name: "the package as it is packed",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^wakeline$/ }, () => ({ path: "wakeline", namespace: "package" }));
    onLoad({ filter: /./, namespace: "package" }, async () => ({ contents: await bundleModule() }));
  },
};

await build({
  entryPoints: ["react.jsx", "react_package.jsx", "vue.js", "cookieconsent.mjs", "klaro.mjs"],
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  outdir: process.argv[2],
  bundle: true,
  minify: true,
  format: "esm",
  splitting: true, // what is loaded lazily becomes a file of its own
  jsx: "automatic",
  define: {
    "process.env.NODE_ENV": '"production"',
    __VUE_OPTIONS_API__: "true",
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
  },
  plugins: [PACKAGE],
  logLevel: "warning",
});
