// The built server as a process of its own, with a data folder of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const PROGRAM = resolve(process.env.UNDERSTUDY_BIN ?? join(ROOT, "target/release/understudy"));
const SITE = resolve(process.env.LEPTOS_SITE_ROOT ?? join(ROOT, "target/site"));
const FIRST_PORT = 18_100;
const PORTS = 800;
const START_TIMEOUT_MS = 20_000;

export type Status = {
  mode: string;
  upstream: { health: string; breaker: string; sample: boolean };
  learner: { pending: number; learned: number };
  counters: { requests: number; twin: number };
  endpoints: number;
  drift: { watched: number; critical: number };
};

export class Understudy {
  private process?: ChildProcess;
  private output = "";
  private port = 0;
  private dataDir = "";

  constructor(private readonly targetUrl: string | undefined) {}

  get pluginDir(): string {
    return join(this.dataDir, "plugins");
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.port ||= await freePort();
    this.dataDir ||= await mkdtemp(join(tmpdir(), "understudy-e2e-"));
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      LISTEN_ADDR: `127.0.0.1:${this.port}`,
      DATA_DIR: this.dataDir,
      PLUGIN_DIR: this.pluginDir,
      LEPTOS_SITE_ROOT: SITE,
      ...(this.targetUrl ? { TARGET_URL: this.targetUrl } : {}),
    };
    const child = spawn(PROGRAM, [], { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part) => (this.output += part));
    await this.isReady(child);
  }

  async stop(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await exit;
  }

  async cleanUp(): Promise<void> {
    await this.stop();
    if (this.dataDir) await rm(this.dataDir, { recursive: true, force: true });
  }

  get(path: string): Promise<Response> {
    return fetch(this.url + path);
  }

  post(path: string, body: unknown): Promise<Response> {
    return fetch(this.url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  }

  async status(): Promise<Status> {
    return (await this.get("/admin/status")).json() as Promise<Status>;
  }

  /// Exchanges that were handed over and are not learned yet.
  async pending(): Promise<number> {
    return (await this.status()).learner.pending;
  }

  private async isReady(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (child.exitCode === null && Date.now() < deadline) {
      const answer = await this.get("/admin/readyz").catch(() => undefined);
      await answer?.text();
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${PROGRAM} did not get ready (exit code ${child.exitCode}):\n${this.output}`);
  }
}

/// Two workers start looking at different places.
async function freePort(): Promise<number> {
  const start = (process.pid * 37) % PORTS;
  for (let step = 0; step < PORTS; step++) {
    const port = FIRST_PORT + ((start + step) % PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${FIRST_PORT} to ${FIRST_PORT + PORTS}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
