import config from "./playwright.config.ts";

export default { ...config, testDir: "measure", workers: 1 };
