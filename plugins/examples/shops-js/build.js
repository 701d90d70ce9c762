// Makes shops.js a component: npm install && npm run build
import { writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize({
  sourcePath: "shops.js",
  witPath: "../../wit",
  worldName: "normalizer-plugin",
  // Plugins get none of these.
  disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],
});
await writeFile("shops-js.wasm", component);
