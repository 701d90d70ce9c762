import { expect, isConnected, open, test, useTheShop } from "../support/test.ts";

test("a request appears on the Control Deck without reloading", async ({ page, understudy }) => {
  await open(page, understudy.url);
  await expect(page.getByText("Nothing has passed through yet")).toBeVisible();
  await page.evaluate(() => Object.assign(window, { neverReloaded: true }));

  await understudy.get("/books/3");

  const row = page.locator(".traffic-table tbody tr").first();
  await expect(row).toContainText("/books/3");
  await expect(row.locator(".source.live")).toBeVisible();
  await expect(row.locator(".status")).toHaveText("200");
  expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
});

test("the first steps can be copied for this very address", async ({ page, understudy, upstream }) => {
  await open(page, understudy.url);
  await expect(page.locator(".steps code").getByText(understudy.url, { exact: true })).toBeVisible();
  await expect(page.locator(".steps")).toContainText(upstream.url);
});

test("the mode switch puts the twin on stage", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, understudy.url);
  await expect(page.locator(".stage-headline")).toHaveText("Your API answers");

  await page.getByRole("button", { name: "Mock" }).click();
  await expect(page.getByRole("button", { name: "Mock" })).toHaveAttribute("aria-pressed", "true");
  await expect(page.locator(".stage-headline")).toHaveText("The twin answers your app");

  const answer = await understudy.get("/books/3");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("x-understudy-source")).toBe("twin");
  expect(await answer.json()).toMatchObject({ id: 3 });
  const row = page.locator(".traffic-table tbody tr").first();
  await expect(row).toHaveClass(/\btwin\b/);
  await expect(row.locator(".source")).toHaveText("twin");
});

test("reading the feed pauses it", async ({ page, understudy }) => {
  await understudy.get("/books/1");
  await open(page, understudy.url);
  const rows = page.locator(".traffic-table tbody tr");
  await expect(rows).toHaveCount(1);

  await rows.first().hover();
  await understudy.get("/books/2");
  await expect(page.locator(".feed-state")).toHaveText("paused, 1 new");
  await expect(rows).toHaveCount(1);

  await page.locator(".stage").hover();
  await expect(rows).toHaveCount(2);
  await expect(page.locator(".feed-state")).toHaveText("");
});

test.describe("without a target", () => {
  test.use({ hasTarget: false });

  test("the built-in sample API is named as such", async ({ page, understudy }) => {
    await open(page, understudy.url);
    await expect(page.getByRole("note")).toContainText("sample API is upstream");
    await expect(page.locator(".steps code").getByText(`curl -i ${understudy.url}/books`)).toBeVisible();
  });
});

test("the page's policy lets no foreign script run", async ({ page, understudy }) => {
  const answer = await page.goto(understudy.url);
  const policy = answer?.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toMatch(/script-src 'self' 'nonce-[^']+' 'wasm-unsafe-eval'/);
  expect(policy).not.toContain("unsafe-inline");
  await isConnected(page);
});

test("a chosen theme is there after a reload", async ({ page, understudy }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await open(page, understudy.url);
  await page.getByRole("button", { name: "Change between light and dark" }).click();
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});

test.describe("when a line is cut", () => {
  test.use({ complaintsExpected: true });

  test("upstream is shown as down and the twin stands in", async ({ page, understudy, upstream }) => {
    await useTheShop(understudy);
    await open(page, understudy.url);
    await expect(page.locator(".top .health")).toHaveAttribute("data-health", "up");

    await upstream.stop();
    for (let id = 1; id <= 6; id++) {
      const answer = await understudy.get(`/books/${id}`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("x-understudy-source")).toBe("twin");
    }

    await expect(page.locator(".top .health")).toHaveAttribute("data-health", "down");
    await expect(page.locator(".stage-headline")).toHaveText("The twin stands in");
    await expect(page.locator(".traffic-table tbody tr").first()).toHaveClass(/\btwin\b/);
  });

  test("the page finds its server again by itself", async ({ page, understudy }) => {
    await open(page, understudy.url);
    await understudy.stop();
    await expect(page.locator(".connection")).toHaveAttribute("data-connection", "lost");
    await understudy.start();
    await isConnected(page);
    await understudy.get("/books/7");
    await expect(page.locator(".traffic-table tbody tr").first()).toContainText("/books/7");
  });
});

test("errors stand out in the chart", async ({ page, understudy }) => {
  await understudy.get("/books/1");
  await open(page, understudy.url);
  await expect(page.locator(".legend-errors")).toHaveText("");
  await understudy.get("/broken");
  await expect(page.locator(".legend-errors")).toHaveText("1 error");
  await expect(page.locator(".chart-errors")).toHaveAttribute("d", /^M/);
});
