import { expect, open, test, useTheShop } from "../support/test.ts";

test("the Explorer shows what was learned, down to the fields", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/explorer`);

  await page.getByRole("link", { name: /GET.*books.*id/ }).click();
  await expect(page).toHaveURL(/\/admin\/explorer\/.+/);
  const detail = page.getByRole("region", { name: "Endpoint", exact: true });
  await expect(detail.locator(".parameter").first()).toContainText("id");
  for (const field of ["title", "authorId", "pages", "price"]) {
    await expect(detail.getByRole("rowheader", { name: field, exact: true })).toBeVisible();
  }
  await expect(detail.locator("summary .status")).toContainText(["200", "404"]);
});

test("an address opens the same endpoint again", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/explorer`);
  await page.getByRole("link", { name: /POST.*books/ }).click();
  await expect(page.locator(".detail-title")).toContainText("books");
  await open(page, page.url());
  await expect(page.locator(".detail-title")).toContainText("POST");
  await expect(page.getByRole("heading", { name: "Request body" })).toBeVisible();
});

test("a new endpoint joins the list without reloading", async ({ page, understudy }) => {
  await open(page, `${understudy.url}/admin/explorer`);
  await expect(page.getByText("Nothing has been learned yet")).toBeVisible();
  await understudy.get("/books/1");
  await expect(page.getByRole("link", { name: /GET.*books/ })).toBeVisible();
});

test("an endpoint that is not there is said to be missing", async ({ page, understudy }) => {
  const answer = await page.request.get(`${understudy.url}/admin/explorer/nothing`, { headers: { accept: "text/html" } });
  expect(answer.status()).toBe(404);
  expect(await answer.text()).toContain("There is no endpoint with this id");
});

test("the filter narrows the list", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/explorer`);
  await page.getByRole("searchbox").fill("authors");
  await expect(page.locator(".endpoints tbody tr")).toHaveCount(1);
  await expect(page.getByText("1 endpoint", { exact: true })).toBeVisible();
});
