// Puts the probes (standard input, JSON) to the exported handlers and prints their answers.
import { setupServer } from "msw/node";
import { createHandlers } from "./handlers.js";

const { base, probes } = JSON.parse(await new Response(process.stdin).text());
const server = setupServer(...createHandlers(base));
server.listen({ onUnhandledRequest: "error" });
const answers = [];
for (const { method, target, headers, body } of probes) {
  const response = await fetch(base + target, { method, headers, body });
  answers.push({ status: response.status, body: await response.text() });
}
server.close();
console.log(JSON.stringify(answers));
