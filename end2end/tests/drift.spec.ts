import { expect, open, test } from "../support/test.ts";
import type { Understudy } from "../support/understudy.ts";

/// Enough authors for a baseline, seen more than once.
async function watchTheAuthors(understudy: Understudy): Promise<void> {
  for (let call = 0; call < 24; call++) await understudy.get(`/authors/${(call % 6) + 1}`);
  await expect.poll(async () => (await understudy.status()).drift.watched, { message: "a baseline is frozen" }).toBeGreaterThan(0);
}

test("user_id becomes userId, and the page shows one critical rename", async ({ page, upstream, understudy }) => {
  upstream.authorField = "user_id";
  await watchTheAuthors(understudy);
  await open(page, `${understudy.url}/admin/drift`);
  await expect(page.getByText("Nothing has changed")).toBeVisible();

  upstream.authorField = "userId";
  for (let call = 0; call < 6; call++) await understudy.get(`/authors/${(call % 6) + 1}`);

  const alerts = page.locator(".alert");
  await expect(alerts).toHaveCount(1, { timeout: 3000 });
  await expect(alerts).toContainText("critical");
  await expect(alerts).toContainText("field /user_id is now userId");
  await expect(page.locator(".drift-summary")).toHaveText("1 critical issue");
  await expect(page.locator(".drift-mark")).toHaveText("1 critical issue");
  // Said aloud as well, and drawn in time.
  await expect(page.locator(".announced[role=alert]")).toHaveText(/^Drift, 1 critical issue: GET \/authors\/\{id\}: .*userId/);
  await page.locator(".timeline").getByRole("link", { name: /userId/ }).click();
  await expect(page).toHaveURL(/\/admin\/drift\/\d+/);
  const detail = page.getByRole("region", { name: "Alert", exact: true });
  await expect(detail.locator(".difference-table")).toContainText("/user_id");
  await expect(detail.locator(".difference-table")).toContainText("/userId");
  await expect(detail.locator(".difference-table")).not.toContainText("/name");
});

test("an alert is opened, and accepting it moves the baseline", async ({ page, upstream, understudy }) => {
  upstream.authorField = "user_id";
  await watchTheAuthors(understudy);
  upstream.authorField = "userId";
  for (let call = 0; call < 6; call++) await understudy.get(`/authors/${(call % 6) + 1}`);
  await open(page, `${understudy.url}/admin/drift`);
  await page.locator(".alert-link").click();
  await expect(page).toHaveURL(/\/admin\/drift\/\d+/);
  const detail = page.getByRole("region", { name: "Alert", exact: true });
  await expect(detail.getByText("An answer of before")).toBeVisible();
  await expect(detail.locator("pre").first()).toContainText("user_id");

  await detail.getByRole("textbox").fill("agreed with the team");
  await detail.getByRole("button", { name: "Accept" }).click();
  await expect(detail.locator(".history")).toContainText("agreed with the team");
  await expect(page.getByText("Nothing has changed")).toBeVisible();

  await page.getByRole("link", { name: "What changed since v1" }).click();
  await expect(page).toHaveURL(/since=v1/);
  const changes = page.getByRole("region", { name: "From v1 to v2" });
  await expect(changes).toContainText("major");
  await expect(changes.locator("tbody tr")).toHaveCount(1);
  await expect(changes.locator("tbody tr")).toContainText("GET /authors/{id}");

  for (let call = 0; call < 6; call++) await understudy.get(`/authors/${(call % 6) + 1}`);
  await expect.poll(() => understudy.pending()).toBe(0);
  await expect(page.getByText("Nothing has changed")).toBeVisible();
});

test("an alert is snoozed, and another one dismissed, with reasons", async ({ page, upstream, understudy }) => {
  upstream.authorField = "user_id";
  await watchTheAuthors(understudy);
  upstream.authorField = "userId";
  for (let call = 0; call < 6; call++) await understudy.get(`/authors/${(call % 6) + 1}`);
  await open(page, `${understudy.url}/admin/drift`);
  await page.locator(".alert-link").click();
  const detail = page.getByRole("region", { name: "Alert", exact: true });
  await detail.getByRole("textbox").fill("on Monday");
  await detail.getByRole("button", { name: "Snooze 1 h" }).click();
  await expect(detail.locator(".history")).toContainText("snoozed: on Monday");
  await expect(detail.getByText("snoozed", { exact: true }).first()).toBeVisible();

  await detail.getByRole("textbox").fill("they will not change it back");
  await detail.getByRole("button", { name: "Dismiss" }).click();
  await expect(detail.locator(".history")).toContainText("dismissed: they will not change it back");
  await expect(detail.getByRole("button", { name: "Dismiss" })).toHaveCount(0);
  await page.getByRole("link", { name: "History too" }).click();
  await expect(page.locator(".alert")).toHaveAttribute("data-state", "dismissed");
});
