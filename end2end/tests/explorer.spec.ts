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
  const pages = detail.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "pages", exact: true }) });
  await expect(pages.locator(".sketch")).toHaveAttribute("title", /^Values in the newest answers: from 120 to \d+, median \d+, of 12$/);
  await expect(detail.locator(".kin")).toContainText("books by authorId → authors");
  const refused = detail.getByRole("region", { name: "Refused when" });
  await expect(refused.getByRole("row")).toHaveText([/404\s*unknown id\s*once/]);
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

test("an endpoint's template is renamed after a look at what that does, and taken back", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/explorer`);
  await page.getByRole("link", { name: /GET.*books.*id/ }).click();
  const detail = page.getByRole("region", { name: "Endpoint", exact: true });
  await detail.locator("summary", { hasText: "Its template" }).click();
  await detail.getByLabel("Call {id}").fill("isbn");
  await detail.getByRole("button", { name: "See the new name" }).click();
  await expect(page).toHaveURL(/act=rename&parameter=id&value=isbn/);
  const preview = detail.getByRole("region", { name: "What would change" });
  await expect(preview.getByRole("row", { name: /books/ }).first()).toContainText("/books/{isbn}");
  expect(await (await understudy.get("/admin/rules")).json()).toEqual([]);

  await preview.getByRole("button", { name: "Do it" }).click();
  await expect(page).toHaveURL(/\/admin\/explorer$/);
  await expect(page.getByRole("link", { name: /GET.*books.*isbn/ })).toBeVisible();
  await page.getByRole("button", { name: /Take back/ }).click();
  await expect(page.getByRole("link", { name: /GET.*books.*id/ })).toBeVisible();
  expect(await (await understudy.get("/admin/rules")).json()).toEqual([]);
});

test("the twin's answer to one endpoint is set, shown in the list, and left to itself again", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/explorer`);
  await page.getByRole("link", { name: /GET.*authors/ }).click();
  const detail = page.getByRole("region", { name: "Endpoint", exact: true });
  await detail.locator("summary", { hasText: "Who answers" }).click();
  await detail.getByLabel("Mode here").selectOption("mock");
  await detail.getByLabel("The twin's status").fill("503");
  await detail.getByLabel("The twin's body").fill('{"error":"closed today"}');
  await detail.getByLabel("The twin's time").fill("120");
  await detail.getByRole("button", { name: "Set", exact: true }).click();
  await expect(page.locator(".endpoints .badge.twin")).toBeVisible();

  const began = Date.now();
  const answer = await understudy.get("/authors/1");
  expect(Date.now() - began).toBeGreaterThanOrEqual(115);
  expect([answer.status, await answer.json()]).toEqual([503, { error: "closed today" }]);

  await detail.getByRole("button", { name: "Leave to itself" }).click();
  await expect(page.locator(".endpoints .badge")).toHaveCount(0);
  expect((await understudy.get("/authors/1")).headers.get("x-understudy-source")).toBe("upstream");
});

test("twin and API are asked side by side, and what differs is listed", async ({ page, understudy, upstream }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/explorer`);
  await page.getByRole("link", { name: /GET.*authors/ }).click();
  const detail = page.getByRole("region", { name: "Endpoint", exact: true });
  await detail.locator("summary", { hasText: "Try it" }).click();
  await detail.getByLabel("Path and query").fill("/authors/3");
  await detail.getByRole("button", { name: "Ask both" }).click();
  await expect(detail.locator(".verdict")).toHaveText("All 3 values are equal.");

  upstream.authorField = "author_id";
  await detail.getByRole("button", { name: "Ask both" }).click();
  await expect(detail.locator(".verdict")).toHaveText("2 values differ, 2 are equal.");
  await expect(detail.locator(".difference")).toContainText("/author_id");
});

test("pictures say how an endpoint behaves and how collections hang together", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/explorer`);
  const map = page.getByRole("region", { name: "How things hang together" });
  await expect(map.getByRole("link", { name: /books/ })).toBeVisible();
  await expect(map.locator(".map-edge")).toHaveText("authorId");

  await page.getByRole("link", { name: /GET.*books.*id/ }).click();
  const habits = page.getByRole("region", { name: "How it behaves" });
  await expect(habits.locator(".split-word")).toContainText(["200", "404"]);
  await expect(habits.getByRole("img", { name: /Answers took/ })).toBeVisible();
  await expect(habits.getByRole("img", { name: /Requests in stretches/ })).toBeVisible();
});

test("an endpoint is split, and two are merged, after a look; both are taken back", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/explorer`);
  const list = page.locator(".endpoints tbody tr");
  const before = await list.count();
  await page.getByRole("link", { name: /GET.*books.*id/ }).click();
  const detail = page.getByRole("region", { name: "Endpoint", exact: true });
  await detail.locator("summary", { hasText: "Its template" }).click();
  await detail.getByLabel("Set apart from {id}").fill("3, 5");
  await detail.getByRole("button", { name: "See it split" }).click();
  const preview = detail.getByRole("region", { name: "What would change" });
  await expect(preview).toContainText("/books/3");
  await preview.getByRole("button", { name: "Do it" }).click();
  await expect(list).toHaveCount(before + 2);
  await page.getByRole("button", { name: /Take back/ }).click();
  await expect(list).toHaveCount(before);

  await page.getByRole("link", { name: /GET.*books.*id/ }).click();
  await detail.locator("summary", { hasText: "Its template" }).click();
  await detail.getByLabel("One endpoint together with").selectOption({ label: "/authors/{id}" });
  await detail.getByRole("button", { name: "See them merged" }).click();
  await expect(preview.getByRole("row", { name: /authors/ }).first()).toBeVisible();
  await preview.getByRole("button", { name: "Do it" }).click();
  await expect(list).toHaveCount(before - 1);
  await page.getByRole("button", { name: /Take back/ }).click();
  await expect(list).toHaveCount(before);
});
