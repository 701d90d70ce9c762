// What an API or an app says is text. Nothing of it becomes a script of the page that shows it.

import { expect, isConnected, test } from "../support/test.ts";

const CALL = "window.__ran = (window.__ran ?? 0) + 1";
const SHAPES: ((at: number) => string)[] = [
  (at) => `<script>${CALL};//${at}</script>`,
  (at) => `<img src=x${at} onerror="${CALL}">`,
  (at) => `"><svg onload="${CALL}//${at}">`,
  (at) => `</script><script>${CALL}//${at}</script>`,
  (at) => `javascript:${CALL}//${at}`,
  (at) => `{{constructor.constructor('${CALL}')()}}${at}`,
  (at) => `<iframe srcdoc="<script>parent.${CALL}</script>">${at}`,
  (at) => `--><script>${CALL}//${at}</script><!--`,
  (at) => `</title><script>${CALL}//${at}</script>`,
  (at) => `\u2028<a href="javascript:${CALL}" autofocus onfocus="${CALL}">${at}</a>`,
];
const PAYLOADS = Array.from({ length: 120 }, (_, at) => SHAPES[at % SHAPES.length](at));

test("120 hostile payloads run no script", async ({ page, understudy }) => {
  test.setTimeout(120_000);
  await page.addInitScript(() => {
    window.addEventListener("securitypolicyviolation", (event) => ((window as unknown as { __reports: string[] }).__reports ??= []).push(event.violatedDirective));
  });
  for (const [at, payload] of PAYLOADS.entries()) {
    const path = at % 4 === 0 ? `/books/${encodeURIComponent(payload)}` : `/books?q=${encodeURIComponent(payload)}`;
    const body = JSON.stringify({ title: payload, authorId: 1, pages: 1, language: payload, price: 1, tags: [payload], [payload]: payload });
    const headers: Record<string, string> = { "content-type": "application/json", "x-note": encodeURI(payload) };
    await fetch(understudy.url + path, at % 3 === 0 ? { method: "POST", headers, body } : { headers });
  }
  await expect.poll(() => understudy.pending(), { timeout: 60_000 }).toBe(0);
  const endpoints = (await (await understudy.get("/admin/endpoints")).json()) as { id: string }[];
  const rows = (await (await understudy.get("/admin/traffic?limit=120")).json()) as { items: { id: number }[] };
  const screens = [
    "/",
    "/admin/traffic",
    "/admin/explorer",
    "/admin/docs",
    "/admin/drift",
    "/admin/twin?collection=books",
    `/admin/traffic?q=${encodeURIComponent(PAYLOADS[1])}`,
    `/admin/twin?collection=${encodeURIComponent(PAYLOADS[0])}`,
    ...endpoints.slice(0, 6).map(({ id }) => `/admin/explorer/${id}`),
    ...rows.items.slice(0, 12).map(({ id }) => `/admin/traffic?open=${id}`),
  ];
  for (const screen of screens) {
    await page.goto(understudy.url + screen);
    await isConnected(page);
    const seen = await page.evaluate(() => {
      const own = window as unknown as { __ran?: number; __reports?: string[] };
      return { ran: own.__ran ?? 0, reports: own.__reports ?? [] };
    });
    expect(seen, screen).toEqual({ ran: 0, reports: [] });
  }
});
