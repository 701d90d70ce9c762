import { expect, test, useTheShop } from "../support/test.ts";

test.use({ javaScriptEnabled: false });

test("without a script the pages are whole and the mode can be changed", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await page.goto(understudy.url);
  await expect(page.locator(".traffic-table tbody tr").first()).toBeVisible();
  await expect(page.locator(".stage-headline")).toHaveText("Your API answers");

  await page.getByRole("button", { name: "Mock" }).click();
  await expect(page.locator(".stage-headline")).toHaveText("The twin answers your app");

  await page.getByRole("link", { name: "Explorer" }).click();
  await page.getByRole("link", { name: /GET.*books.*id/ }).click();
  await expect(page.getByRole("rowheader", { name: "title", exact: true })).toBeVisible();
});
