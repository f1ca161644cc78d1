// Builds ../static/site.css and ../static/site.js: `npm install && npm run build` in this folder.
import { build } from "esbuild";
import { compile } from "sass";
import { writeFileSync } from "node:fs";

const style = compile("site.scss", {
  style: "compressed",
  loadPaths: ["node_modules/nhsuk-frontend/dist/nhsuk", "node_modules"],
  quietDeps: true,
});
writeFileSync("../static/site.css", style.css + "\n");
await build({
  entryPoints: ["site.js"],
  outfile: "../static/site.js",
  bundle: true,
  minify: true,
  target: "es2020",
  legalComments: "none",
});
