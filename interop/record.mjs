// A browser visits the API (its address is the first argument) and Playwright records it (into the second).
import { chromium } from "@playwright/test";

const [base, path] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
const context = await browser.newContext({ recordHar: { path } });
const page = await context.newPage();
await page.goto(`${base}/health`);
await page.evaluate(async () => {
  for (const target of ["/users", "/users?page=2", "/users/1", "/users/2", "/users/3", "/users/99", "/users/me"]) {
    await (await fetch(target)).text();
  }
  await fetch("/users", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
});
await context.close();
await browser.close();
