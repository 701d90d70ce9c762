// What every test starts with: a real API and, in front of it, Understudy.

import { expect, type Page, test as base } from "@playwright/test";
import { Understudy } from "./understudy.ts";
import { Upstream } from "./upstream.ts";

type Parts = {
  upstream: Upstream;
  understudy: Understudy;
  /// What the browser complained about; a test that ends with complaints fails.
  complaints: string[];
  /// Whether complaints belong to what the test does, such as a line that is cut.
  complaintsExpected: boolean;
  /// Without a target the server stands in front of its own sample API.
  hasTarget: boolean;
};

export const test = base.extend<Parts>({
  complaintsExpected: [false, { option: true }],
  hasTarget: [true, { option: true }],

  upstream: async ({}, use) => {
    const upstream = new Upstream();
    await upstream.start();
    await use(upstream);
    await upstream.stop();
  },

  understudy: async ({ upstream, hasTarget }, use) => {
    const understudy = new Understudy(hasTarget ? upstream.url : undefined);
    await understudy.start();
    await use(understudy);
    await understudy.cleanUp();
  },

  // It names the server to be done before that stops: the page would complain about the line it loses.
  complaints: [
    async ({ page, understudy: _, complaintsExpected }, use) => {
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(String(error)));
      await use(complaints);
      if (!complaintsExpected) expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/// Opens a screen and waits until the browser has taken it over and hears from the server.
export async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await isConnected(page);
}

export async function isConnected(page: Page): Promise<void> {
  await expect(page.locator(".connection")).toHaveAttribute("data-connection", "open");
}

/// Enough requests of several kinds for the twin to know the shop.
export async function useTheShop(understudy: Understudy): Promise<void> {
  await understudy.get("/books");
  for (let id = 1; id <= 12; id++) {
    await understudy.get(`/books/${id}`);
    await understudy.get(`/authors/${(id % 6) + 1}`);
  }
  await understudy.get("/books?language=fr");
  await understudy.get("/books/9999");
  await understudy.post("/books", { title: "A new one", authorId: 2, pages: 96, language: "en", price: 12, tags: [] });
  // The learner goes last where the machine is busy.
  await expect.poll(() => understudy.pending(), { message: "everything is learned", timeout: 30_000 }).toBe(0);
}
