import { expect, isConnected, test } from "../support/test.ts";

test("the page's files carry their build and are kept for good", async ({ page, understudy }) => {
  const asked: string[] = [];
  page.on("response", (response) => {
    const url = new URL(response.url());
    if (url.pathname.startsWith("/admin/pkg/")) asked.push(`${url.pathname} ${url.search.length} ${response.headers()["cache-control"]}`);
  });
  await page.goto(understudy.url);
  await isConnected(page);
  const files = new Set(asked.map((file) => file.split(" ")[0]));
  expect([...files].sort()).toEqual(["css", "js", "wasm"].map((ending) => `/admin/pkg/understudy.${ending}`));
  for (const file of asked) expect(file).toContain(" 19 public, max-age=31536000, immutable");

  const other = await understudy.get("/admin/pkg/understudy.css?v=0");
  expect(other.headers.get("cache-control")).toBe("no-cache");
});
