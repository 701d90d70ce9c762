import { expect, open, test, useTheShop } from "../support/test.ts";

test("the twin's memory is shown, kept under a name, and taken back", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/twin`);
  const books = page.getByRole("row", { name: /books/ });
  const before = await books.locator(".number").first().textContent();

  await page.getByRole("textbox").fill("before");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.locator(".save-name")).toHaveText("before");

  const made = await fetch(`${understudy.url}/books`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "source=twin" },
    body: JSON.stringify({ title: "Only in the twin", authorId: 1, pages: 10, language: "en", price: 1, tags: [] }),
  });
  expect(made.headers.get("x-understudy-source")).toBe("twin");
  await page.reload();
  await expect(books.locator(".number").first()).toHaveText(String(Number(before) + 1));

  await page.getByRole("link", { name: "books" }).click();
  await expect(page).toHaveURL(/collection=books/);
  await page.locator("summary", { hasText: "changed by the twin" }).click();
  await expect(page.getByRole("region", { name: "Rows" })).toContainText("Only in the twin");

  await page.getByRole("button", { name: "Load before" }).click();
  await expect(books.locator(".number").first()).toHaveText(String(before));
  await page.getByRole("button", { name: "Remove before" }).click();
  await expect(page.locator(".save")).toHaveCount(0);
});
