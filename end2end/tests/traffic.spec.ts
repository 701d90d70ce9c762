import { readFile } from "node:fs/promises";
import { WebSocket } from "ws";
import { expect, open, test, useTheShop } from "../support/test.ts";

test("the filter narrows the list, stands in the address, and holds for what comes", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/traffic`);
  const rows = page.locator(".stream-table tbody .row");
  await expect(rows.first()).toContainText("/books");

  await page.getByRole("searchbox", { name: "Filter the traffic" }).fill("path:/books/* status:>=400");
  await expect(rows).toHaveCount(1);
  await expect(rows.first()).toContainText("/books/9999");
  await expect(page).toHaveURL(/q=path:\/books\/\*%20status:%3E%3D400/);

  await understudy.get("/books/7777");
  await understudy.get("/books/3");
  await expect(rows).toHaveCount(2);
  await expect(rows.first()).toContainText("/books/7777");

  await open(page, page.url());
  await expect(rows).toHaveCount(2);
  await page.getByRole("searchbox", { name: "Filter the traffic" }).fill("colour:red");
  await expect(page.locator(".filter-mistake")).toContainText("colour:red");
});

test("an exchange is opened with fields and body, and found in", async ({ page, understudy, upstream }) => {
  await understudy.post("/books", { title: "A <b>bold</b> one", authorId: 2, pages: 96, language: "en", price: 12, tags: [] });
  await open(page, `${understudy.url}/admin/traffic`);
  await page.getByRole("link", { name: "/books", exact: true }).click();
  await expect(page).toHaveURL(/open=\d+/);

  const detail = page.getByRole("region", { name: "Exchange", exact: true });
  await expect(detail.locator(".why")).toContainText("upstream answered");
  const response = detail.getByRole("region", { name: "Response" });
  await expect(response.locator(".json")).toContainText('"A <b>bold</b> one"');
  await response.getByRole("searchbox").fill("bold");
  await expect(response.locator(".json-found")).toHaveText("found once");
  await expect(response.locator(".json-hit")).toHaveCount(1);
  await response.locator("summary", { hasText: "header fields" }).click();
  await expect(response.getByRole("rowheader", { name: "content-type" })).toBeVisible();
  await expect(detail.locator(".copyable code")).toContainText(`curl -i -X 'POST' '${understudy.url}/books'`);
  expect(upstream.url).not.toBe(understudy.url);

  await detail.getByRole("button", { name: "Replay" }).click();
  await expect(detail.locator(".outcome")).toHaveText("201 by the API, in the list now");
  await expect.poll(async () => (await understudy.status()).counters.requests).toBe(2);

  await page.goBack();
  await expect(detail).toBeHidden();
});

test("the twin is asked for its answer", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await understudy.get("/books/5");
  await open(page, `${understudy.url}/admin/traffic?q=path:/books/5`);
  await page.getByRole("link", { name: "/books/5", exact: true }).first().click();
  const detail = page.getByRole("region", { name: "Exchange", exact: true });
  await detail.getByRole("button", { name: "Ask the twin" }).click();
  await expect(detail.locator(".outcome")).toHaveText("200 by the twin, in the list now");
});

test("keys walk, pin and pause", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/traffic`);
  await page.mouse.move(0, 0);
  await page.keyboard.press("j");
  await expect(page.locator(".row-open")).toHaveCount(1);
  const first = await page.locator(".row-open").getAttribute("data-id");
  await page.keyboard.press("j");
  await expect(page.locator(".row-open")).not.toHaveAttribute("data-id", String(first));
  await page.keyboard.press("x");
  await expect(page).toHaveURL(/pin=\d+/);
  await expect(page.locator(".stream-pinned .row")).toHaveCount(1);
  await page.keyboard.press("Escape");
  await expect(page).not.toHaveURL(/open=/);

  await page.keyboard.press("p");
  await expect(page.getByRole("button", { name: "Go on" })).toBeVisible();
  await understudy.get("/books/11");
  await expect(page.locator(".feed-state")).toHaveText("paused, 1 new");
  await page.keyboard.press("p");
  await expect(page.locator(".feed-state")).toHaveText("");

  await page.keyboard.press("/");
  await expect(page.getByRole("searchbox", { name: "Filter the traffic" })).toBeFocused();
});

test("what is listed can be taken along as a recording", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/traffic?q=method:POST`);
  const started = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export HAR" }).click();
  const har = JSON.parse(await readFile(await (await started).path(), "utf8"));
  expect(har.log.version).toBe("1.2");
  expect(har.log.entries).toHaveLength(1);
  expect(har.log.entries[0].request.method).toBe("POST");
  expect(JSON.parse(har.log.entries[0].response.content.text)).toMatchObject({ title: "A new one" });
});

test("a long list keeps few rows in the page", async ({ page, understudy }) => {
  for (let round = 0; round < 30; round++) {
    await Promise.all(Array.from({ length: 20 }, (_, at) => understudy.get(`/books/${(at % 24) + 1}`)));
  }
  await expect.poll(() => understudy.pending()).toBe(0);
  await open(page, `${understudy.url}/admin/traffic`);
  await expect(page.locator(".stream-count")).toHaveText("500 exchanges");
  const rows = page.locator(".stream-table tbody .row");
  expect(await rows.count()).toBeLessThanOrEqual(70);
  const newest = await rows.first().getAttribute("data-id");
  await page.locator(".stream").evaluate((list) => list.scrollTo(0, list.scrollHeight));
  await expect.poll(async () => Number(await rows.last().getAttribute("data-id"))).toBe(Number(newest) - 499);
  expect(await rows.count()).toBeLessThanOrEqual(70);
});

test("each value of the twin says where it came from, and an answer can be kept as the mock", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await fetch(`${understudy.url}/books/4`, { headers: { prefer: "source=twin" } });
  await expect.poll(() => understudy.pending()).toBe(0);
  await open(page, `${understudy.url}/admin/traffic?q=source:twin`);
  await page.getByRole("link", { name: "/books/4", exact: true }).click();
  const detail = page.getByRole("region", { name: "Exchange", exact: true });
  const value = (name: string) => detail.locator(".json-leaf", { hasText: new RegExp(`^${name}:`) }).locator(".why-value");
  await expect(value("id")).toHaveAttribute("title", "copied from the path: {id}");
  await expect(value("title")).toHaveAttribute("title", "remembered: title of books/4");
  await expect(detail.getByRole("link", { name: "Break this" })).toHaveAttribute("href", "/admin/chaos?method=GET&path=/books/%7Bid%7D");

  await detail.getByRole("button", { name: "Mock this" }).click();
  await expect(page.locator(".told .done")).toHaveText("Done");
  const answer = await understudy.get("/books/11");
  expect(answer.headers.get("x-understudy-source")).toBe("twin");
  expect(await answer.json()).toMatchObject({ id: 4 });
});

test("what is pinned is the selection that is taken along", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/traffic?q=path:/books/*`);
  const rows = page.locator(".stream-table tbody .row");
  for (const at of [1, 4]) {
    await rows.nth(at).hover();
    await rows.nth(at).getByRole("link", { name: /pin/i }).click();
    await expect(page.locator(".stream-pinned .row")).toHaveCount(at === 1 ? 1 : 2);
  }
  const started = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export HAR" }).click();
  const har = JSON.parse(await readFile(await (await started).path(), "utf8"));
  expect(har.log.entries).toHaveLength(2);
});

test("an exchange is compared with the twin, and its command copied", async ({ page, context, understudy }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/traffic?q=path:/books/5`);
  await page.getByRole("link", { name: "/books/5", exact: true }).first().click();
  const detail = page.getByRole("region", { name: "Exchange", exact: true });
  await detail.getByRole("button", { name: "Compare with the twin" }).click();
  await expect(detail.locator(".verdict")).toHaveText(/^All \d+ values are equal\.$/);

  await detail.getByRole("button", { name: /^Copy curl/ }).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  expect(command).toContain(`curl -i '${understudy.url}/books/5'`);
});

test("messages of a WebSocket and of an event stream are listed in their order", async ({ page, understudy }) => {
  const heard: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const line = new WebSocket(`${understudy.url.replace("http", "ws")}/live`);
    line.on("error", reject);
    line.on("close", () => resolve());
    line.on("message", (said) => {
      heard.push(String(said));
      if (heard.length === 1) line.send("<b>hello</b>");
      else line.close();
    });
  });
  expect(heard).toEqual(["welcome", "heard <b>hello</b>"]);
  await (await understudy.get("/prices")).text();
  await expect.poll(() => understudy.pending()).toBe(0);

  await open(page, `${understudy.url}/admin/traffic`);
  await page.getByRole("link", { name: "/live", exact: true }).click();
  const messages = page.getByRole("region", { name: "Messages" });
  await expect(messages.locator(".said-text").filter({ hasText: /./ })).toHaveText(["welcome", "<b>hello</b>", "heard <b>hello</b>"]);
  await expect(messages.locator(".said").nth(1)).toContainText("from the app");
  await expect(page.getByRole("button", { name: "Replay" })).toHaveCount(0);

  await page.getByRole("link", { name: "/prices", exact: true }).click();
  await expect(messages.locator(".said")).toHaveCount(3);
  await expect(messages.locator(".said").first()).toContainText("price");
  await expect(messages.locator(".said").first()).toContainText('{"price":9}');
});
