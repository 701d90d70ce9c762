// A small real API over HTTP: a bookshop. It can be taken away and brought back under the same address.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";

type Book = { id: number; title: string; authorId: number; pages: number; language: string; price: number | null; tags: string[] };

const LANGUAGES = ["en", "fr", "pl"];

function books(): Book[] {
  return Array.from({ length: 24 }, (_, at) => ({
    id: at + 1,
    title: `Volume ${at + 1}`,
    authorId: (at % 6) + 1,
    pages: 120 + ((at * 37) % 400),
    language: LANGUAGES[at % LANGUAGES.length],
    price: at % 5 === 0 ? null : 9.5 + at,
    tags: at % 2 === 0 ? ["new"] : ["new", "paperback"],
  }));
}

export class Upstream {
  private server?: Server;
  private port = 0;
  private stock = books();
  /// How the author's id is called; APIs change.
  authorField = "id";

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const server = createServer((req, res) => void this.answer(req, res));
    this.server = server;
    // Says what it hears, after a greeting.
    const lines = new WebSocketServer({ server, path: "/live" });
    lines.on("connection", (line) => {
      line.send("welcome");
      line.on("message", (said) => line.send(`heard ${said}`));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", resolve);
    });
    this.port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  private async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? "/", this.url);
    const [collection, id] = url.pathname.split("/").filter(Boolean);
    if (collection === "books") return this.answerBooks(req, res, id, url);
    if (collection === "prices") return tellPrices(res);
    if (collection === "broken") return send(res, 500, { error: { code: "broken", message: "something broke" } });
    if (collection === "authors" && id) return send(res, 200, { [this.authorField]: Number(id), name: `Author ${id}`, born: 1900 + Number(id) });
    send(res, 404, { error: { code: "not_found", message: `nothing at ${url.pathname}` } });
  }

  private async answerBooks(req: IncomingMessage, res: ServerResponse, id: string | undefined, url: URL): Promise<void> {
    if (req.method === "POST") {
      const book = { ...JSON.parse(await text(req)), id: this.stock.length + 1 };
      this.stock.push(book);
      return send(res, 201, book);
    }
    if (!id) {
      const language = url.searchParams.get("language");
      return send(res, 200, this.stock.filter((book) => !language || book.language === language));
    }
    const book = this.stock.find((book) => book.id === Number(id));
    if (book) return send(res, 200, book);
    send(res, 404, { error: { code: "not_found", message: `no book ${id}` } });
  }
}

/// Three events, and the end.
function tellPrices(res: ServerResponse): void {
  res.writeHead(200, { "content-type": "text/event-stream" });
  for (const price of [9, 12, 15]) res.write(`event: price\ndata: {"price":${price}}\n\n`);
  res.end();
}

async function text(req: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

function send(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { "content-type": "application/json" });
  res.end(JSON.stringify(body));
}
