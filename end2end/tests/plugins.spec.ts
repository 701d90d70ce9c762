import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, open, test } from "../support/test.ts";

test("the page of plugins says what a file in the folder does", async ({ page, understudy }) => {
  await open(page, `${understudy.url}/admin/plugins`);
  await expect(page.getByRole("heading", { name: "There are no plugins" })).toBeVisible();

  await mkdir(understudy.pluginDir, { recursive: true });
  await writeFile(join(understudy.pluginDir, "notes.wasm"), "text");
  await page.getByRole("button", { name: "Read the folder again" }).click();
  const row = page.getByRole("row", { name: /notes/ });
  await expect(row).toContainText("Refused");
  await expect(row).toContainText("it is not WebAssembly");
});
