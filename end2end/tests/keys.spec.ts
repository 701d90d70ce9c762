import { expect, open, test, useTheShop } from "../support/test.ts";

test("g and a letter go to a screen, ? shows the keys", async ({ page, understudy }) => {
  await open(page, understudy.url);
  for (const [key, path] of [["e", "/admin/explorer"], ["t", "/admin/traffic"], ["o", "/admin/docs"], ["r", "/admin/drift"], ["d", "/"]]) {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await expect(page).toHaveURL(`${understudy.url}${path}`);
  }
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeHidden();
});

test("the palette finds an endpoint", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, understudy.url);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("post books");
  await expect(page.getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/admin\/explorer\/.+/);
  await expect(page.locator(".detail-title")).toContainText("POST");
});

test("the palette does things, too", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/explorer`);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("mode mock");
  await expect(page.getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Mock", exact: true })).toHaveAttribute("aria-pressed", "true");
  expect((await understudy.status()).mode).toBe("mock");
  await expect(page).toHaveURL(/\/admin\/explorer$/);
});
