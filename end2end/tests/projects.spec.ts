import { readFile, writeFile } from "node:fs/promises";
import { expect, open, test } from "../support/test.ts";

test("a project is made, switched to and back, and renamed", async ({ page, understudy, upstream }) => {
  await understudy.get("/books/1");
  await open(page, `${understudy.url}/admin/projects`);
  const make = page.getByRole("region", { name: "A new project" });
  await make.getByLabel("Name").fill("second");
  await make.getByRole("button", { name: "Create" }).click();
  const second = page.getByRole("region", { name: "second", exact: true });
  await expect(second).toContainText(upstream.url);
  // A page that shows another project loads itself anew.
  let reloaded = page.waitForEvent("load");
  await second.getByRole("button", { name: "Switch to second" }).click();
  await reloaded;
  await expect(second).toHaveAttribute("data-active", "true");
  await expect(page.locator(".top .project select")).toHaveValue("second.db");

  // From any screen, by the switcher.
  await open(page, `${understudy.url}/`);
  reloaded = page.waitForEvent("load");
  await page.getByLabel("Active project").selectOption("default.db");
  await reloaded;
  await expect.poll(async () => (await (await understudy.get("/admin/status")).json()).project).toBe("default.db");

  await open(page, `${understudy.url}/admin/projects`);
  await second.getByText("Change, copy, export").click();
  await second.getByLabel("Another name for second").fill("spare");
  await second.getByRole("button", { name: "Rename second" }).click();
  await expect(page.getByRole("region", { name: "spare", exact: true })).toBeVisible();
});

test("a project is exported, deleted by its name, and brought back", async ({ page, understudy }, info) => {
  await understudy.post("/admin/projects", { name: "second" });
  await open(page, `${understudy.url}/admin/projects`);
  const second = page.getByRole("region", { name: "second", exact: true });
  await second.getByText("Change, copy, export").click();
  const download = page.waitForEvent("download");
  await second.getByRole("link", { name: "Export second" }).click();
  const file = info.outputPath("second.db");
  await (await download).saveAs(file);

  await second.getByText("Delete", { exact: true }).first().click();
  await second.getByLabel("Type second to delete it").fill("second");
  await second.getByRole("button", { name: "Delete second" }).click();
  await expect(second).toHaveCount(0);

  const take = page.getByRole("region", { name: "From a file" });
  await take.getByLabel("Name of the project").fill("back");
  await take.getByLabel("File").setInputFiles(file);
  await take.getByRole("button", { name: "Import" }).click();
  await expect(page.getByRole("region", { name: "back", exact: true })).toBeVisible();
});

test.describe("what cannot be", () => {
  // The browser notes the refusal itself.
  test.use({ complaintsExpected: true });

  test("is told and changes nothing", async ({ page, understudy }, info) => {
    await understudy.post("/admin/projects", { name: "second" });
    await open(page, `${understudy.url}/admin/projects`);
    const second = page.getByRole("region", { name: "second", exact: true });
    await second.getByText("Delete", { exact: true }).first().click();
    await second.getByLabel("Type second to delete it").fill("another");
    await second.getByRole("button", { name: "Delete second" }).click();
    await expect(page.locator(".told .failure")).toContainText("nothing was deleted");
    await expect(second).toBeVisible();

    const exported = Buffer.from(await (await understudy.get("/admin/projects/second/export")).arrayBuffer());
    const file = info.outputPath("damaged.db");
    await writeFile(file, exported.subarray(0, exported.length - 100));
    expect((await readFile(file)).length).toBeGreaterThan(0);
    const take = page.getByRole("region", { name: "From a file" });
    await take.getByLabel("Name of the project").fill("harm");
    await take.getByLabel("File").setInputFiles(file);
    await take.getByRole("button", { name: "Import" }).click();
    await expect(page.locator(".told .failure")).toContainText("its end is missing");
    await expect(page.getByRole("region", { name: "harm", exact: true })).toHaveCount(0);
  });
});

test.describe("without a script", () => {
  test.use({ javaScriptEnabled: false });

  test("projects are made, switched and brought in", async ({ page, understudy }, info) => {
    await page.goto(`${understudy.url}/admin/projects`);
    const make = page.getByRole("region", { name: "A new project" });
    await make.getByLabel("Name").fill("second");
    await make.getByRole("button", { name: "Create" }).click();
    const second = page.getByRole("region", { name: "second", exact: true });
    await second.getByRole("button", { name: "Switch to second" }).click();
    await expect(second).toHaveAttribute("data-active", "true");

    const file = info.outputPath("default.db");
    await writeFile(file, Buffer.from(await (await understudy.get("/admin/projects/default/export")).arrayBuffer()));
    const take = page.getByRole("region", { name: "From a file" });
    await take.getByLabel("Name of the project").fill("third");
    await take.getByLabel("File").setInputFiles(file);
    await take.getByRole("button", { name: "Import" }).click();
    await expect(page.getByRole("region", { name: "third", exact: true })).toBeVisible();
  });
});
