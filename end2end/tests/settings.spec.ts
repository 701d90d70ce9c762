import { expect, open, test } from "../support/test.ts";

test("what the twin may answer is set and stays", async ({ page, understudy }) => {
  await open(page, `${understudy.url}/admin/settings`);
  const twin = page.getByRole("region", { name: "The twin's answers" });
  await twin.getByLabel("Seed").fill("42");
  await twin.getByLabel("Least confidence, 0 to 1").fill("0.5");
  await twin.getByLabel("Takes as long as").selectOption("fixed_ms");
  await twin.getByLabel("Milliseconds").fill("5");
  await twin.getByRole("button", { name: "Save" }).click();
  await expect(page.locator(".told .done")).toHaveText("Done");
  const settings = await (await understudy.get("/admin/twin/settings")).json();
  expect(settings).toMatchObject({ seed: 42, min_confidence: 0.5, latency: { mode: "fixed_ms", fixed_ms: 5 } });
  await page.reload();
  await expect(twin.getByLabel("Seed")).toHaveValue("42");
});

test("a webhook is added and removed, its secret never shown", async ({ page, understudy }) => {
  await open(page, `${understudy.url}/admin/settings`);
  const hooks = page.getByRole("region", { name: "Who is told of drift" });
  await hooks.getByLabel("Webhook").fill("http://127.0.0.1:9/hook");
  await hooks.getByLabel("Secret to sign with").fill("a secret to sign with");
  await hooks.getByRole("button", { name: "Add" }).click();
  await expect(hooks.locator(".save")).toContainText("and worse, signed");
  expect(await page.content()).not.toContain("a secret to sign with");
  await hooks.getByRole("button", { name: "Remove" }).click();
  await expect(hooks.locator(".save")).toHaveCount(0);
});

test("what redaction leaves is shown while one types, and follows the names", async ({ page, understudy }) => {
  await open(page, `${understudy.url}/admin/settings`);
  const redaction = page.getByRole("region", { name: "What redaction takes out" });
  await redaction.getByLabel("A text to try it on").fill('{"user":"ada","taxId":"77-12","password":"hunter2"}');
  await expect(redaction.locator(".redacted")).toContainText('"user":"ada","taxId":"77-12"');
  await expect(redaction.locator(".redacted")).not.toContainText("hunter2");

  await redaction.getByLabel("Names, separated by commas").fill("tax_id");
  await redaction.getByRole("button", { name: "Save names" }).click();
  await expect.poll(async () => (await understudy.get("/admin/redaction")).json()).toEqual({ names: ["tax_id"] });
  await redaction.getByLabel("A text to try it on").fill('{"user":"ada","taxId":"77-12"}');
  await expect(redaction.locator(".redacted")).toContainText('"user":"ada"');
  await expect(redaction.locator(".redacted")).not.toContainText("77-12");

  await understudy.post("/books", { title: "T", taxId: "77-12" });
  await open(page, `${understudy.url}/admin/traffic`);
  await page.getByRole("link", { name: "/books", exact: true }).click();
  await expect(page.getByRole("region", { name: "Request" })).toContainText("taxId");
  await expect(page.getByRole("region", { name: "Request" })).not.toContainText("77-12");
});

test.describe("what cannot be", () => {
  // The browser notes the refusal itself.
  test.use({ complaintsExpected: true });

  test("is told and changes nothing", async ({ page, understudy }) => {
    await open(page, `${understudy.url}/admin/settings`);
    const twin = page.getByRole("region", { name: "The twin's answers" });
    await twin.getByLabel("Seed").fill("many");
    await twin.getByRole("button", { name: "Save" }).click();
    await expect(page.locator(".told .failure")).toContainText("not a whole number");
    expect(await (await understudy.get("/admin/twin/settings")).json()).toMatchObject({ seed: null });
  });
});
