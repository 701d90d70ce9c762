#!/usr/bin/env python3
"""Understudy's watchdog beside two tools that hold traffic against an OpenAPI document: `redocly drift`, and the proxy of
Prism that validates what passes.

Run from the project's root, with learnbench beside it (its virtual environment is used) and npm at hand:

    cargo build --release -p understudy-contract --example watch_traffic
    ~/.cache/learnbench/venv/bin/python bench/drift_peers.py ../shared/learnbench [--specs petstore,conduit] [--trials 4]

All see the same answers: those of learnbench's servers, as in `drift.py`. The two tools get the very document that the server
was made from, which nobody has of a real API; the watchdog gets none and learns from the calls before. An answer counts as found
when the tool says something of the changed answers that it does not say of the same answers unchanged. A false alarm is what it
says of answers while nothing changes; what it says of requests is left out, since the client sends invalid ones on purpose."""
import argparse
import asyncio
import contextlib
import copy
import http.client
import http.server
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from urllib.parse import urlsplit

import drift
import kit

REDOCLY, PRISM = "@redocly/cli@2.77.0", "@stoplight/prism-cli@5.14.2"
# Redocly has a word about credentials over plain http, which is the bench's doing.
ORIGIN = "https://api.test"


class Session(drift.Session):
    """Keeps what a trial changed: each answer as it was, and as it was given."""

    def __init__(self, *args):
        super().__init__(*args)
        self.pairs, self.quiet, self.inner = [], [], None

    @property
    def change(self):
        return self.changed if self.inner else None

    @change.setter
    def change(self, inner):
        self.inner = inner

    def changed(self, op, status, value, exchange):
        before = copy.deepcopy(exchange)
        self.inner(op, status, value, exchange)
        if exchange != before:
            self.pairs.append((before, copy.deepcopy(exchange)))


class Tap:
    """The watchdog, with everything it is given written down while somebody wants it."""

    def __init__(self, watch):
        self.watch, self.process, self.log = watch, watch.process, None

    def give(self, line):
        if self.log is not None and "m" in line:
            self.log.append(copy.deepcopy(line))
        self.watch.give(line)

    def ask(self, word):
        return self.watch.ask(word)


def entry(exchange):
    """One exchange as HAR 1.2."""
    pairs = lambda all: [{"name": name, "value": value} for name, value in all]
    media = dict(exchange["h"])["content-type"]
    sent = exchange.get("q", [])
    request = {"method": exchange["m"], "url": ORIGIN + exchange["t"], "httpVersion": "HTTP/1.1", "headers": pairs(sent),
               "queryString": [], "cookies": [], "headersSize": -1, "bodySize": -1}
    if exchange.get("qb"):
        request["postData"] = {"mimeType": dict(sent).get("content-type", "application/json"), "text": exchange["qb"]}
    content = {"size": len(exchange["b"]), "mimeType": media, "text": exchange["b"]}
    response = {"status": exchange["s"], "statusText": "", "httpVersion": "HTTP/1.1", "headers": pairs(exchange["h"]),
                "cookies": [], "content": content, "redirectURL": "", "headersSize": -1, "bodySize": -1}
    ms = exchange["us"] / 1000
    return {"startedDateTime": "2026-01-01T00:00:00Z", "time": ms, "request": request, "response": response, "cache": {},
            "timings": {"send": 0, "wait": ms, "receive": 0}}


class Redocly:
    name = "redocly drift 2.77.0"

    def __init__(self, tools, folder, document, base):
        self.program, self.folder, self.base = tools / "redocly", pathlib.Path(folder), base
        self.document = self.folder / "document.json"
        self.document.write_text(json.dumps(document))

    def judge(self, exchanges):
        """What it says, as (index of the exchange that showed it first, what)."""
        har = self.folder / "traffic.har"
        har.write_text(json.dumps({"log": {"version": "1.2", "creator": {"name": "bench", "version": "1"},
                                           "entries": [entry(exchange) for exchange in exchanges]}}))
        out = self.folder / "report.json"
        out.unlink(missing_ok=True)
        command = [self.program, "drift", har, "--api", self.document, "--server", ORIGIN + self.base, "--format", "json", "-o", out]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ, "REDOCLY_TELEMETRY": "off"})
        if not out.exists():
            raise kit.Failed(f"redocly drift: {done.stderr[-800:]}")
        return [(problem["exchangeIndex"], (problem.get("operationId"), problem["ruleId"], problem["message"]))
                for problem in json.loads(out.read_text())["problems"]
                if problem["target"] == "response" or problem["ruleId"] == "undocumented-endpoint"]

    def end(self):
        pass


class Prism:
    """Prism in front of a server that answers what it is told to. What it has to say stands in a header of the answer."""
    name = "Prism 5.14.2, validating proxy"

    def __init__(self, tools, folder, document, base):
        self.base, self.answers = base, []
        self.upstream = http.server.ThreadingHTTPServer((kit.HOST, 0), self.handler())
        threading.Thread(target=self.upstream.serve_forever, daemon=True).start()
        file = pathlib.Path(folder) / "prism.json"
        file.write_text(json.dumps(document))
        port = kit.free_port()
        upstream = f"http://{kit.HOST}:{self.upstream.server_address[1]}"
        self.server = kit.Server("prism", [tools / "prism", "proxy", file, upstream, "-p", port, "-h", kit.HOST, "-v", "fatal"], port)

    def handler(prism):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self):
                self.rfile.read(int(self.headers.get("content-length") or 0))
                exchange = prism.answers[int(self.headers["x-bench-answer"])]
                body = exchange["b"].encode()
                self.send_response(exchange["s"])
                for name, value in exchange["h"]:
                    self.send_header(name, value)
                if exchange["s"] not in (204, 304):
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                if exchange["s"] not in (204, 304):
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        return Handler

    def judge(self, exchanges):
        self.answers, found, seen = exchanges, [], set()
        # Node closes what was idle for five seconds.
        client = http.client.HTTPConnection(kit.HOST, self.server.port, timeout=60)
        for at, exchange in enumerate(exchanges):
            headers = {name: value for name, value in exchange.get("q", []) if name.lower() not in ("host", "content-length")}
            target = exchange["t"].removeprefix(self.base) or "/"
            body = exchange["qb"].encode() if exchange.get("qb") else None
            client.request(exchange["m"], target, body, {**headers, "x-bench-answer": str(at)})
            answer = client.getresponse()
            text = answer.read()
            said = json.loads(answer.getheader("sl-violations") or "[]")
            if not said and answer.status != exchange["s"]:
                said = [{"code": answer.status, "message": text[:200].decode(errors="replace")}]
            where = urlsplit(target).path
            for violation in said:
                if "request" in violation.get("location", ()) and "route not found" not in violation.get("message", ""):
                    continue
                # Positions of items and the words of a message name the same thing again and again.
                place = tuple("*" if isinstance(part, int) or str(part).isdigit() else part for part in violation.get("location", ()))
                what = (exchange["m"], where.count("/"), place, violation.get("code"), violation.get("message") if not place else "")
                if what not in seen:
                    seen.add(what)
                    found.append((at, what))
        client.close()
        return found

    def end(self):
        self.server.end()
        self.upstream.shutdown()


def is_found(peer, pairs):
    """Whether it says more of the changed answers than of these as they were."""
    before = [before for before, _ in pairs if before is not None]
    return any(at >= len(before) for at, _ in peer.judge(before + [after for _, after in pairs]))


async def run(name, model, document, base, args, tools, score, false):
    from lb import traffic

    watch = Tap(drift.Watch(args.program))
    session = Session(traffic.Backend(model, args.seed), watch, args.seed)
    driver = traffic.Driver(model, max(2, args.stationary // max(1, len(model.ops))), args.seed)
    plan = list(driver.plan())
    for at, op in enumerate(plan):
        if at == len(plan) - args.quiet:
            watch.log = []
        await driver.one(session, ORIGIN, op)
    quiet, watch.log = watch.log or [], None
    known = watch.ask("alerts")
    watch.give({"do": "base"})
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as folder, contextlib.ExitStack() as stack:
        peers = [made(tools, folder, document, base) for made in (Redocly, Prism)]
        [stack.callback(peer.end) for peer in peers]
        false["Understudy"].append((len(known), len(plan)))
        for peer in peers:
            began = time.monotonic()
            said = peer.judge(quiet)
            false[peer.name].append((len(said), len(quiet)))
            print(f"{name}: {peer.name} says {len(said)} different things of {len(quiet)} unchanged calls ({time.monotonic() - began:.0f} s)", flush=True)
            for _, what in said[:5]:
                print("  ", what, flush=True)
        await trials(driver, session, model, args, peers, known, score)
    watch.process.stdin.close()
    watch.process.wait()


async def trials(driver, session, model, args, peers, known, score):
    rng = random.Random(args.seed)
    for kind in args.kinds or drift.KINDS:
        ops, done = list(model.ops), 0
        rng.shuffle(ops)
        for op in ops:
            if done >= args.trials:
                break
            session.pairs, session.watch.log = [], []
            judged = await drift.trial(driver, session, op, kind, rng, {alert["id"] for alert in known})
            log, session.watch.log = session.watch.log, None
            if judged is None:
                continue
            done += 1
            pairs = session.pairs
            if kind == "endpoint new":
                pairs = [(None, {**exchange, "t": peers[0].base + exchange["t"]}) for exchange in log]
            score[kind]["Understudy"].append(judged[0])
            for peer in peers:
                score[kind][peer.name].append(is_found(peer, pairs))


def table(score, false):
    names = list(false)
    print("\n| found within 5 answers | trials | " + " | ".join(names) + " |\n|---|---|" + "---|" * len(names))
    share = lambda hits: f"{sum(hits) / max(1, len(hits)):.3f}"
    every = defaultdict(list)
    for kind in drift.KINDS:
        if score[kind]:
            print(f"| {kind} | {len(score[kind]['Understudy'])} | " + " | ".join(share(score[kind][name]) for name in names) + " |")
            [every[name].extend(score[kind][name]) for name in names]
    print(f"| **all** | {len(every['Understudy'])} | " + " | ".join(share(every[name]) for name in names) + " |")
    alarms = lambda rows: f"{sum(n for n, _ in rows)} in {sum(of for _, of in rows)} calls"
    print("| false alarms while nothing changed | | " + " | ".join(alarms(false[name]) for name in names) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learnbench", help="learnbench's folder")
    parser.add_argument("--specs", default="petstore,conduit", help="comma-separated")
    parser.add_argument("--stationary", type=int, default=20_000, help="calls before anything changes, per document")
    parser.add_argument("--quiet", type=int, default=2_000, help="how many of them the two tools get as well")
    parser.add_argument("--trials", type=int, default=4, help="per kind and document")
    parser.add_argument("--kinds", type=lambda text: text.split(","), help="only these, comma-separated: " + ", ".join(drift.KINDS))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--tools", help="folder whose node_modules has both tools; without it npm puts them into target/drift-peers")
    parser.add_argument("--program", default=str(kit.RELEASE / "examples/watch_traffic"))
    args = parser.parse_args()
    tools = pathlib.Path(args.tools or kit.TARGET / "drift-peers")
    if not (tools / "node_modules/.bin/prism").exists():
        tools.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--prefix", tools, "--no-audit", "--no-fund", "--no-save", REDOCLY, PRISM], check=True)
    sys.path.insert(0, args.learnbench)
    from lb import spec
    from lb.model import Model

    listing = os.path.join(args.learnbench, "specs-visible.txt")
    score, false = defaultdict(lambda: defaultdict(list)), defaultdict(list)
    for name, source, opts in spec.read_list(listing):
        if name not in args.specs.split(","):
            continue
        document = spec.load(source, os.path.dirname(os.path.abspath(listing)))
        base = spec.base_path(document) if opts.get("base") is None else opts["base"].rstrip("/")
        model = Model(document, name, int(opts.get("limit", 60)), int(opts.get("seed", args.seed)), opts.get("ids"), opts.get("base"), opts.get("fix"))
        plain = {**document, "servers": [{"url": "/"}]}
        asyncio.run(run(name, model, plain, base, args, tools / "node_modules/.bin", score, false))
    table(score, false)


if __name__ == "__main__":
    main()
