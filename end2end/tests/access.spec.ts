// What a person meets who does not use a mouse, or does not see the page: axe-core over every screen, in both themes.

import { AxeBuilder } from "@axe-core/playwright";
import { expect, open, test, useTheShop } from "../support/test.ts";

const SCREENS = ["/", "/admin/traffic", "/admin/explorer", "/admin/docs", "/admin/drift", "/admin/twin", "/admin/chaos", "/admin/plugins", "/admin/projects", "/admin/settings"];

for (const colorScheme of ["light", "dark"] as const) {
  test(`no screen has a fault that axe finds, ${colorScheme}`, async ({ page, understudy }) => {
    test.setTimeout(120_000);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await useTheShop(understudy);
    const endpoints = (await (await understudy.get("/admin/endpoints")).json()) as { id: string }[];
    const rows = (await (await understudy.get("/admin/traffic")).json()) as { items: { id: number }[] };
    const screens = [
      ...SCREENS,
      `/admin/explorer/${endpoints[0]?.id}`,
      `/admin/explorer/${endpoints[0]?.id}?act=rename&parameter=id&value=key`,
      `/admin/traffic?open=${rows.items[0]?.id}&pin=${rows.items[1]?.id}`,
      "/admin/twin?collection=books",
    ];
    for (const screen of screens) {
      await open(page, understudy.url + screen);
      // What Swagger UI makes of itself is not ours to mend.
      const { violations } = await new AxeBuilder({ page }).exclude("iframe").analyze();
      expect(violations.map(({ id, nodes }) => `${screen} ${id}: ${nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
    }
  });
}
