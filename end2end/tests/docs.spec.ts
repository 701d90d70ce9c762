import { expect, open, test, useTheShop } from "../support/test.ts";

test("the learned API is shown in Swagger UI and can be tried out", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/docs`);
  const docs = page.frameLocator("iframe[title='Swagger UI']");
  const operation = docs.locator(".opblock-get", { hasText: "/books/{id}" }).first();
  await operation.locator(".opblock-summary-control").click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  await operation.locator("tr[data-param-name=id] input").fill("3");
  await operation.getByRole("button", { name: "Execute" }).click();
  await expect(operation.locator(".live-responses-table .response-col_status").last()).toContainText("200");
  await expect(operation.locator(".live-responses-table")).toContainText("Volume 3");
});

test("the document can be downloaded in both notations", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/docs`);
  for (const [name, file] of [["JSON", "openapi.json"], ["YAML", "openapi.yaml"]]) {
    const started = page.waitForEvent("download");
    await page.getByRole("link", { name, exact: true }).click();
    expect((await started).suggestedFilename()).toBe(file);
  }
  const yaml = await (await understudy.get("/admin/openapi.yaml")).text();
  expect(yaml).toMatch(/^openapi: ["']?3\.1/);
});

test("a version of the document is picked, and stands in the address", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/drift`);
  await page.getByRole("button", { name: "Freeze all now" }).click();
  await expect(page.locator(".saves .save").first()).toContainText("frozen by hand");

  await open(page, `${understudy.url}/admin/docs`);
  await page.getByLabel("Version").selectOption("v1");
  await expect(page).toHaveURL(/version=v1/);
  await expect(page.getByRole("link", { name: "JSON", exact: true })).toHaveAttribute("href", "/admin/openapi.json?version=v1");
  const frame = page.frameLocator("iframe[title='Swagger UI']");
  await expect(frame.locator(".opblock").first()).toBeVisible();
  await page.getByLabel("Try it out with").selectOption("twin");
  await expect(page).toHaveURL(/source=twin&version=v1/);
  await page.goBack();
  await expect(page.getByLabel("Try it out with")).toHaveValue("");
  await page.goForward();
  await expect(page.getByLabel("Try it out with")).toHaveValue("twin");
  await open(page, page.url());
  await expect(page.getByLabel("Try it out with")).toHaveValue("twin");
  await expect(page.getByLabel("Version")).toHaveValue("v1");
});
