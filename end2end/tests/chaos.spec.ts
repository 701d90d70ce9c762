// Faults on purpose: put to work, seen by a client, told apart in the feed, halted.

import { AxeBuilder } from "@axe-core/playwright";
import { expect, open, test, useTheShop } from "../support/test.ts";

test("a preset makes a client fail, the feed says so, and a halt from any page makes it whole again", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/chaos`);
  await expect(page.locator(".chaos-banner")).toHaveCount(0);
  await page.getByRole("button", { name: "Start Backend down" }).click();
  await expect(page.locator(".chaos-banner")).toContainText("Chaos is on");
  await expect(page.getByRole("heading", { name: "Faults are at work" })).toBeVisible();

  const failed = await understudy.get("/books/1");
  expect([failed.status, failed.headers.get("x-understudy-source")]).toEqual([503, "fault"]);
  await expect(page.locator(".chaos-rule").first()).toContainText("struck 1 of 1");
  await expect(page.getByRole("region", { name: "Report cards" })).toContainText("1 failed on purpose");

  await open(page, `${understudy.url}/admin/traffic`);
  const newest = page.locator(".stream-table tbody .row").first();
  await expect(newest).toContainText("503");
  await expect(newest.locator(".source.fault")).toBeVisible();
  await expect(page.locator(".chaos-banner")).toContainText("Backend down");
  await page.getByRole("button", { name: "Halt", exact: true }).click();
  await expect(page.locator(".chaos-banner")).toHaveCount(0);

  const whole = await understudy.get("/books/1");
  expect([whole.status, whole.headers.get("x-understudy-source")]).toEqual([200, "upstream"]);
});

test("a rule is made, previewed, changed and removed", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/chaos`);
  const form = page.getByRole("form", { name: "New rule" });
  await form.getByLabel("What goes wrong").selectOption("Answer with a status");
  await form.getByLabel("First value").fill("429");
  await form.getByLabel("Second value").fill("7");
  await form.getByLabel("Paths").fill("/books/{id}");
  await form.getByLabel("Note").fill("too many books");
  await form.getByRole("button", { name: "Add rule" }).click();
  const rules = page.getByRole("region", { name: "Rules", exact: true });
  await expect(rules).toContainText("too many books");
  await expect(rules).toContainText("Touches GET /books/{");
  expect((await understudy.get("/books/1")).status).toBe(200);

  await page.getByRole("button", { name: "Put the rules to work" }).click();
  await expect(page.locator(".chaos-banner")).toContainText("too many books");
  const limited = await understudy.get("/books/1");
  expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "7"]);
  expect((await understudy.get("/authors/1")).status).toBe(200);

  await rules.getByText("Edit").click();
  const json = rules.getByRole("textbox", { name: "JSON of rule 1" });
  await json.fill((await json.inputValue()).replace("429", "418"));
  await rules.getByRole("button", { name: "Save rule 1" }).click();
  await expect(rules).toContainText("answer 418");
  expect((await understudy.get("/books/1")).status).toBe(418);
  await rules.getByRole("button", { name: "Remove rule 1" }).click();
  await expect(rules).toContainText("None yet");
});

test("an experiment runs and leaves a report", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/chaos`);
  const form = page.getByRole("form", { name: "New experiment" });
  await form.getByLabel("Name").fill("Nobody notices");
  await form.getByLabel("Rules").selectOption("Backend down");
  await form.getByLabel("Halt above requests struck").fill("3");
  await form.getByRole("button", { name: "Start experiment" }).click();
  const experiments = page.getByRole("region", { name: "Experiments" });
  await expect(experiments).toContainText("running");
  await expect.poll(async () => (await understudy.get("/books/1")).status).toBe(200);
  await expect(experiments).toContainText("halted: 4 requests were struck, the bound is 3");
  await expect(experiments).toContainText("4 abort");
});

test.describe("what cannot be", () => {
  // The browser notes the refusal itself.
  test.use({ complaintsExpected: true });

  test("is told and changes nothing", async ({ page, understudy }) => {
    await open(page, `${understudy.url}/admin/chaos`);
    const form = page.getByRole("form", { name: "New rule" });
    await form.getByLabel("What goes wrong").selectOption("Answer with a status");
    await form.getByLabel("First value").fill("99");
    await form.getByRole("button", { name: "Add rule" }).click();
    await expect(page.locator(".told .failure")).toContainText("faults[0].abort.status is 99: expected a status from 200 to 599");
    expect(await (await understudy.get("/admin/chaos/rules")).json()).toEqual([]);
  });
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`the page is sound while faults are at work, ${colorScheme}`, async ({ page, understudy }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await useTheShop(understudy);
    await understudy.post("/admin/chaos/presets/rate-limited", {});
    for (let attempt = 0; attempt < 4; attempt++) await understudy.get("/books/1");
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 900 });
      for (const path of ["/admin/chaos", "/"]) {
        await open(page, understudy.url + path);
        await expect(page.locator(".chaos-banner")).toBeVisible();
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map(({ id, nodes }) => `${path} ${id}: ${nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(overflow, `nothing sticks out at ${width}`).toBeLessThanOrEqual(0);
        const name = path === "/" ? "chaos-deck" : "chaos";
        await page.screenshot({ path: `screenshots/${name}-${width}-${colorScheme}.png`, animations: "disabled", fullPage: path !== "/" });
      }
    }
  });
}
