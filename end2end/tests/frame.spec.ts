// What holds for every screen: it is taken over quietly, two of them show the same, and it survives its server.

import { expect, isConnected, open, test, useTheShop } from "../support/test.ts";

const SCREENS = ["/", "/admin/traffic", "/admin/traffic?open=3&pin=2", "/admin/explorer", "/admin/docs", "/admin/drift", "/admin/chaos", "/admin/twin?collection=books", "/admin/plugins", "/admin/projects", "/admin/settings"];

// A shift of less is a digit that grew.
const STEADY = 0.02;

test("every screen is taken over without a word, and nothing jumps", async ({ page, understudy, complaints }) => {
  test.setTimeout(120_000);
  await useTheShop(understudy);
  const endpoints = (await (await understudy.get("/admin/endpoints")).json()) as { id: string }[];
  for (const screen of [...SCREENS, `/admin/explorer/${endpoints[0]?.id}`]) {
    await open(page, understudy.url + screen);
    const shifted = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let sum = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) sum += (entry as unknown as { value: number }).value;
          }).observe({ type: "layout-shift", buffered: true });
          requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
        }),
    );
    expect(shifted, `${screen} stays where it was`).toBeLessThan(STEADY);
    expect(complaints, screen).toEqual([]);
  }
});

test("two tabs show the same", async ({ page, context, understudy }) => {
  await useTheShop(understudy);
  const other = await context.newPage();
  await open(page, understudy.url);
  await open(other, `${understudy.url}/admin/explorer`);

  await other.getByRole("button", { name: "Mock", exact: true }).click();
  await expect(page.locator(".stage-headline")).toHaveText("The twin answers your app");
  await expect(page.getByRole("button", { name: "Mock", exact: true })).toHaveAttribute("aria-pressed", "true");

  await open(other, `${understudy.url}/admin/traffic`);
  await understudy.get("/books/5");
  for (const tab of [page, other]) await expect(tab.locator("tbody .row").first()).toContainText("/books/5");
  await other.close();
});

test.describe("when the server is started again", () => {
  test.use({ complaintsExpected: true });

  for (const screen of SCREENS) {
    test(`${screen} stays, and follows it again`, async ({ page, understudy }) => {
      await useTheShop(understudy);
      await open(page, understudy.url + screen);
      await page.evaluate(() => Object.assign(window, { neverReloaded: true }));
      const heading = await page.locator("h1").first().textContent();

      await understudy.stop();
      await expect(page.locator(".connection")).toHaveAttribute("data-connection", "lost");
      await expect(page.locator("h1").first()).toHaveText(String(heading));
      await understudy.start();
      await isConnected(page);

      await page.getByRole("button", { name: "Mock", exact: true }).click();
      await expect(page.getByRole("button", { name: "Mock", exact: true })).toHaveAttribute("aria-pressed", "true");
      expect((await understudy.status()).mode).toBe("mock");
      expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
    });
  }
});

test("the rail is made narrow and stays so", async ({ page, understudy }) => {
  await open(page, understudy.url);
  const rail = page.getByRole("navigation", { name: "Screens" });
  const wide = (await rail.boundingBox())?.width ?? 0;
  await rail.getByRole("button", { name: "Narrow" }).click();
  await expect.poll(async () => (await rail.boundingBox())?.width).toBeLessThan(wide / 2);
  await open(page, `${understudy.url}/admin/traffic`);
  expect((await rail.boundingBox())?.width).toBeLessThan(wide / 2);
  await expect(rail.getByRole("link", { name: "Explorer" })).toBeVisible();
  await rail.getByRole("button", { name: "Narrow" }).click();
  await expect.poll(async () => (await rail.boundingBox())?.width).toBe(wide);
});
