// How smooth the page is while much passes. Not a part of the tests: `npm run measure`, against an optimised page. What it
// finds is written to the console; docs/benchmarks.md keeps it.

import { Agent, request } from "node:http";
import { expect, isConnected, test, useTheShop } from "../support/test.ts";
import type { Understudy } from "../support/understudy.ts";

const SECONDS = 10;

/// Sends so many requests a second over kept connections, as far as the machine can; says how many were answered.
async function load(understudy: Understudy, perSecond: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  let answered = 0;
  let open = 0;
  const began = performance.now();
  const one = () => {
    open++;
    const done = () => open--;
    const call = request(`${understudy.url}/books/${1 + (answered % 24)}`, { agent }, (answer) => {
      answer.resume().on("end", () => (answered++, done()));
    });
    call.on("error", done).end();
  };
  while (performance.now() - began < SECONDS * 1000) {
    const due = ((performance.now() - began) / 1000) * perSecond;
    while (answered + open < due && open < 256) one();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  agent.destroy();
  return Math.round(answered / SECONDS);
}

for (const screen of ["/", "/admin/traffic"]) {
  for (const perSecond of [500, 5000]) {
    test(`${screen} at ${perSecond}/s`, async ({ page, understudy }) => {
      test.setTimeout(90_000);
      await useTheShop(understudy);
      if (perSecond > 500) await fetch(`${understudy.url}/admin/mode`, { method: "PUT", body: '{"mode":"mock"}' });
      await page.goto(understudy.url + screen);
      await isConnected(page);
      await page.mouse.move(0, 0);
      await page.evaluate(() => {
        const own = window as unknown as { __long: number[]; __frames: number };
        own.__long = [];
        own.__frames = 0;
        new PerformanceObserver((list) => own.__long.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" });
        const frame = () => (own.__frames++, requestAnimationFrame(frame));
        requestAnimationFrame(frame);
      });
      const rate = await load(understudy, perSecond);
      const { long, frames } = await page.evaluate(() => {
        const own = window as unknown as { __long: number[]; __frames: number };
        return { long: own.__long, frames: own.__frames };
      });
      const state = await page.locator(".feed-state").first().textContent();
      console.log(`${screen} asked ${perSecond}/s, answered ${rate}/s: ${long.length} long tasks, longest ${Math.max(0, ...long).toFixed(0)} ms, ${(frames / SECONDS).toFixed(0)} frames/s; ${state}`);
      // What is on the page is what passed.
      const status = await understudy.status();
      const listed = page.locator("tbody .row").first();
      await expect.poll(async () => Number(await listed.getAttribute("data-id"))).toBeGreaterThanOrEqual(status.counters.requests - 300);
    });
  }
}

test("until it is interactive", async ({ page, understudy }) => {
  await useTheShop(understudy);
  for (const screen of ["/", "/admin/traffic", "/admin/explorer"]) {
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const began = performance.now();
      await page.goto(understudy.url + screen, { waitUntil: "commit" });
      await page.locator(".connection[data-connection=open]").waitFor();
      times.push(performance.now() - began);
    }
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
    console.log(`${screen}: connected after ${times.map((time) => time.toFixed(0)).join(", ")} ms, last first paint ${paint.toFixed(0)} ms`);
  }
});
