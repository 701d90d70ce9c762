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

test("a row is changed by hand, added and deleted, and the twin answers so", async ({ page, understudy }) => {
  await useTheShop(understudy);
  await open(page, `${understudy.url}/admin/twin?collection=books`);
  const ask = (id: number) => fetch(`${understudy.url}/books/${id}`, { headers: { prefer: "source=twin" } });
  const row = page.locator("details[data-key='3']");
  await row.locator("summary").click();
  const fields = JSON.parse(await row.getByLabel("Fields of 3").inputValue());
  await row.getByLabel("Fields of 3").fill(JSON.stringify({ ...fields, title: "By hand" }));
  await row.getByRole("button", { name: "Save row" }).click();
  await expect(row.locator("summary")).toContainText("changed by the twin");
  expect(await (await ask(3)).json()).toMatchObject({ id: 3, title: "By hand" });

  await row.getByRole("button", { name: "Delete row" }).click();
  await expect(row).toHaveCount(0);
  expect((await ask(3)).status).toBe(404);

  await page.locator("summary", { hasText: "A new row" }).click();
  await page.getByLabel("Key", { exact: true }).fill("700");
  await page.getByLabel("Fields of the new row").fill(JSON.stringify({ ...fields, id: 700, title: "Added" }));
  await page.getByRole("button", { name: "Add row" }).click();
  await expect(page.locator("details[data-key='700']")).toBeVisible();
  expect(await (await ask(700)).json()).toMatchObject({ id: 700, title: "Added" });
});

test.describe("while the API is away", () => {
  test.use({ complaintsExpected: true });

  test("writes wait in the outbox until a person sends or drops them", async ({ page, upstream, understudy }) => {
    await useTheShop(understudy);
    await upstream.stop();
    const book = (title: string) => ({ title, authorId: 2, pages: 96, language: "en", price: 12, tags: [] });
    for (const title of ["Sent later", "Never sent"]) {
      const answer = await understudy.post("/books", book(title));
      expect([answer.status, answer.headers.get("x-understudy-source")]).toEqual([201, "twin"]);
    }
    await open(page, understudy.url);
    await expect(page.getByRole("note")).toContainText("2 writes wait in the outbox.");
    await page.getByRole("link", { name: "the outbox" }).click();
    const outbox = page.getByRole("region", { name: "Outbox" });
    await expect(outbox.locator(".save")).toHaveCount(2);
    await outbox.getByRole("button", { name: "Drop POST /books" }).last().click();
    await expect(outbox.locator(".save")).toHaveCount(1);

    await upstream.start();
    await outbox.getByRole("button", { name: "Replay all" }).click();
    await expect(outbox.locator(".outbox-state")).toHaveText("replayed: the API said 201");
    const titles = ((await (await fetch(`${upstream.url}/books`)).json()) as { title: string }[]).map(({ title }) => title);
    expect(titles).toContain("Sent later");
    expect(titles).not.toContain("Never sent");
  });
});
