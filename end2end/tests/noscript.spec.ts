import { expect, test, useTheShop } from "../support/test.ts";

test.use({ javaScriptEnabled: false });

test("without a script the pages are whole and the mode can be changed", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await page.goto(understudy.url);
  await expect(page.locator(".traffic-table tbody tr").first()).toBeVisible();
  await expect(page.locator(".stage-headline")).toHaveText("Your API answers");

  await page.getByRole("button", { name: "Mock" }).click();
  await expect(page.locator(".stage-headline")).toHaveText("The twin answers your app");

  await page.getByRole("link", { name: "Traffic" }).click();
  await page.getByRole("searchbox").fill("path:/books/9999");
  await page.keyboard.press("Enter");
  await expect(page.locator(".stream-table tbody .row")).toHaveCount(1);
  await page.getByRole("link", { name: "/books/9999", exact: true }).click();
  await expect(page.getByRole("region", { name: "Response" })).toContainText("no book 9999");

  await page.getByRole("link", { name: "Explorer", exact: true }).click();
  await page.getByRole("link", { name: /GET.*books.*id/ }).click();
  await expect(page.getByRole("rowheader", { name: "title", exact: true })).toBeVisible();

  await page.locator("summary", { hasText: "Who answers" }).click();
  await page.getByLabel("Mode here").selectOption("mock");
  await page.getByRole("button", { name: "Set", exact: true }).click();
  await expect(page.locator(".endpoints .badge.twin")).toBeVisible();

  await page.getByRole("link", { name: "Docs" }).click();
  await expect(page.getByText("Swagger UI needs JavaScript")).toBeVisible();
  await expect(page.getByRole("link", { name: "YAML" })).toBeVisible();
});
