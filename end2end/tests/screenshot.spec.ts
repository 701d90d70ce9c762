// Pictures for a person to look at, and the one in the README: `npm run screenshot` puts it where SCREENSHOT_TO says.

import { copyFile, stat } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { expect, open, test, useTheShop } from "../support/test.ts";
import type { Understudy } from "../support/understudy.ts";
import type { Upstream } from "../support/upstream.ts";

const README_PICTURE_BYTES = 150_000;
const README_PICTURE = { width: 1200, height: 760 };

/// The API, then the API gone, then the API again. Given some seconds, the chart shows more than one column.
async function aWorkingDay(understudy: Understudy, upstream: Upstream, seconds: number): Promise<void> {
  await useTheShop(understudy);
  await shopping(understudy, seconds * 0.5, 6);
  await anOutage(understudy, upstream, seconds * 0.2);
  await shopping(understudy, seconds * 0.3, 6);
  await anOutage(understudy, upstream, 0);
  for (let id = 1; id <= 4; id++) await understudy.get(`/authors/${id}`);
}

async function anOutage(understudy: Understudy, upstream: Upstream, seconds: number): Promise<void> {
  await upstream.stop();
  await shopping(understudy, seconds, 4);
  await upstream.start();
  const source = async () => (await understudy.get("/books/1")).headers.get("x-understudy-source");
  await expect.poll(source, { timeout: 30_000 }).toBe("upstream");
}

/// At least one round; more when there is time, and more at some times than at others.
async function shopping(understudy: Understudy, seconds: number, requests: number): Promise<void> {
  for (let second = 0; second <= seconds; second++) {
    const wave = 1 + Math.sin(second / 3) / 2;
    for (let at = 0; at < requests * wave; at++) await understudy.get(`/books/${13 + ((second + at) % 11)}`);
    if (seconds > 0) await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function picture(page: Page, name: string): Promise<string> {
  const path = `screenshots/${name}.png`;
  await page.screenshot({ path, animations: "disabled" });
  return path;
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`pictures of every screen, ${colorScheme}`, async ({ page, understudy, upstream }) => {
    test.setTimeout(240_000);
    await page.emulateMedia({ colorScheme });
    await open(page, understudy.url);
    await picture(page, `first-steps-${colorScheme}`);
    await aWorkingDay(understudy, upstream, 0);
    await expect(page.locator(".traffic-table tbody tr").first()).toContainText("/authors/4");
    await picture(page, `deck-${colorScheme}`);

    await open(page, `${understudy.url}/admin/explorer`);
    await picture(page, `explorer-${colorScheme}`);
    await page.getByRole("link", { name: /GET.*books.*id/ }).click();
    await expect(page.getByRole("rowheader", { name: "title", exact: true })).toBeVisible();
    await picture(page, `endpoint-${colorScheme}`);

    for (const width of [1440, 768, 360]) {
      await page.setViewportSize({ width, height: 900 });
      for (const [name, path] of [["deck", "/"], ["explorer", "/admin/explorer"], ["traffic", "/admin/traffic"], ["exchange", "/admin/traffic?open=3"], ["docs", "/admin/docs"], ["drift", "/admin/drift"], ["chaos", "/admin/chaos"], ["plugins", "/admin/plugins"], ["twin", "/admin/twin?collection=books"], ["projects", "/admin/projects"], ["settings", "/admin/settings"]]) {
        await open(page, understudy.url + path);
        if (name === "docs") await expect(page.frameLocator("iframe").locator(".opblock").first()).toBeVisible();
        await picture(page, `${name}-${width}-${colorScheme}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(overflow, `nothing of ${name} sticks out at ${width}`).toBeLessThanOrEqual(0);
      }
    }

    await page.setViewportSize({ width: 360, height: 760 });
    await open(page, `${understudy.url}/admin/explorer`);
    await page.getByRole("link", { name: /GET.*books.*id/ }).click();
    await expect(page.getByRole("rowheader", { name: "title", exact: true })).toBeVisible();
    await picture(page, `endpoint-narrow-${colorScheme}`);
    await open(page, understudy.url);
    await picture(page, `deck-narrow-${colorScheme}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, "nothing sticks out on a phone").toBeLessThanOrEqual(0);
  });
}

test("the picture in the README", async ({ page, understudy, upstream }) => {
  const target = process.env.SCREENSHOT_TO;
  test.setTimeout(180_000);
  await page.setViewportSize(README_PICTURE);
  await open(page, understudy.url);
  await aWorkingDay(understudy, upstream, target ? 80 : 0);
  await expect(page.locator(".traffic-table tbody tr").first()).toContainText("/authors/4");
  const path = await picture(page, "readme");
  expect((await stat(path)).size).toBeLessThan(README_PICTURE_BYTES);
  if (target) await copyFile(path, target);
});
