#!/usr/bin/env python3
"""How many changes of an API the watchdog finds within five answers, and how often it cries wolf.

Run from the project's root with learnbench beside it (its virtual environment is used):

    cargo build --release -p understudy-contract --example watch_traffic
    ~/.cache/learnbench/venv/bin/python bench/drift.py ../shared/learnbench [--specs conduit,petstore] [--stationary 200000] [--trials 8]

The servers are learnbench's, asked in this process. Their answers go to the example `watch_traffic`, which holds the
contract crate's learner and watchdog. First the stationary run: any alert is a false one. Then, from the state after it, one
trial per endpoint and kind: answers with one change, until five of them show it."""
import argparse
import asyncio
import copy
import json
import os
import random
import re
import subprocess
import sys
from collections import defaultdict

KINDS = {
    "field removed": {"field_removed"}, "field added": {"field_added"}, "field renamed": {"field_renamed"},
    "type": {"type_changed"}, "null": {"nullability"}, "enum": {"enum_value_added"}, "format": {"format_changed"},
    "required": {"optionality"}, "status": {"status_added", "status_mix"}, "header": {"header_removed"}, "media type": {"media_type_changed"},
    "endpoint gone": {"endpoint_gone"}, "endpoint new": {"endpoint_added"}, "array and object": {"type_changed"}, "latency": {"latency"},
}
# So many answers of an endpoint are seen before it is changed, at least; and these show a change at most.
ENOUGH, OCCURRENCES = 100, 5


class Watch:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def give(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")

    def ask(self, word):
        self.give({"do": word})
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Answer:
    def __init__(self, status, raw):
        self.status, self.raw = status, raw

    async def read(self):
        return self.raw

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return False


class Session:
    """learnbench's client asks; its server answers; the watchdog sees both."""

    def __init__(self, backend, watch, seed):
        self.backend, self.watch, self.rng, self.change, self.count = backend, watch, random.Random(seed), None, defaultdict(int)

    def get(self, url, headers, allow_redirects):
        return self.request("GET", url, headers, None, allow_redirects)

    def request(self, method, url, headers, data, allow_redirects):
        target = url.raw_path + (f"?{url.raw_query_string}" if url.raw_query_string else "")
        body = json.loads(data) if data and "json" in headers.get("content-type", "") else None
        op, status, media, value = self.backend.answer(method, url.raw_path, "authorization" in headers, body, self.rng)
        raw = b"" if value is None and (op is None or op.statuses[status][1] is None) else json.dumps(value).encode()
        exchange = {"m": method, "t": target, "s": int(status), "h": [["content-type", media or "application/json"], ["x-quota-left", "7"]],
                    "b": raw.decode(), "q": [[k, v] for k, v in headers.items()], "qb": (data or b"").decode(), "us": int(self.rng.lognormvariate(8.5, 0.4))}
        if op is not None and status.startswith("2"):
            self.count[op.key] += 1
        if self.change is not None:
            self.change(op, status, value, exchange)
        self.watch.give(exchange)
        return Answer(int(status), raw)


def spots(value, facts, obs, ptr="", keys=()):
    """Positions of records in an answer that were always there, with what is true of them."""
    fact, seen = facts.get(ptr), obs.get(ptr)
    if fact is None or seen is None:
        return
    if keys and isinstance(keys[-1], str):
        yield ptr, keys, value, fact, seen
    if isinstance(value, dict) and fact["shape"] == "record":
        for key, inner in value.items():
            below = f"{ptr}.{key.replace('~', '~0').replace('.', '~1').replace('[', '~2').replace('{', '~3')}"
            if below in facts and facts[below]["required"]:
                yield from spots(inner, facts, obs, below, (*keys, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value[:3]):
            yield from spots(inner, facts, obs, ptr + "[]", (*keys, at))


def edit(value, ptr_keys, change):
    """All items of lists on the way are changed alike."""
    if not ptr_keys:
        return change(value)
    key, rest = ptr_keys[0], ptr_keys[1:]
    if isinstance(key, int):
        return [edit(inner, rest, change) for inner in value] if isinstance(value, list) else value
    if isinstance(value, dict) and key in value:
        if not rest:
            out = {}
            for name, inner in value.items():
                if name == key:
                    out.update(change(name, inner))
                else:
                    out[name] = inner
            return out
        return {name: edit(inner, rest, change) if name == key else inner for name, inner in value.items()}
    return value


def renamed(name):
    camel = re.sub(r"_(\w)", lambda m: m.group(1).upper(), name)
    snake = re.sub(r"([A-Z])", lambda m: "_" + m.group(1).lower(), name)
    return camel if camel != name else snake if snake != name else name + "_v2"


def body_change(kind, rng, ptr, keys, value, fact, seen):
    """A function over (name, value) that makes this change here, or None where it makes no sense."""
    wrong = {str: 123456, bool: "yes", int: "abc", float: "abc", list: 17, dict: "abc"}
    types = set(fact["types"])
    if kind == "field removed":
        return lambda name, inner: {}
    if kind == "field renamed":
        return lambda name, inner: {renamed(name): inner}
    if kind == "field added":
        return lambda name, inner: {name: inner, "zz_added": "new"}
    if kind == "required":
        return lambda name, inner: {} if rng.random() < 0.5 else {name: inner}
    if kind == "null" and not fact["nullable"] and value is not None:
        return lambda name, inner: {name: None}
    if kind == "type" and type(value) in wrong and types and not types & {{int: "integer", str: "string"}[type(wrong[type(value)])], "number"}:
        return lambda name, inner: {name: wrong[type(value)]}
    if kind == "array and object" and types in ({"array"}, {"object"}):
        return lambda name, inner: {name: {"items": 1} if "array" in types else [inner]}
    # A set of values, or a form, shows itself only in so many values.
    if kind == "enum" and fact["enum"] and 1 < len(fact["enum"]) <= 12 and isinstance(value, str) and seen[0] >= 40 and types == {"string"} and set(fact["enum"]) == set(seen[3]):
        return lambda name, inner: {name: "zz_no_such_value"}
    if kind == "format" and fact["format"] in ("date-time", "date", "uuid", "email", "uri", "ipv4", "ipv6") and isinstance(value, str) and types == {"string"}:
        return lambda name, inner: {name: "no longer like that"}
    return None


class Changer:
    """Changes the answers of one endpoint in one way, and counts those that show it."""

    def __init__(self, kind, op, status, keys, change):
        self.kind, self.op, self.status, self.keys, self.change, self.shown = kind, op, status, keys, change, 0

    def __call__(self, op, status, value, exchange):
        if op is not self.op or status != self.status or self.shown >= OCCURRENCES:
            return
        if self.change is None:
            self.whole(exchange)
            self.shown += 1
            return
        after = edit(copy.deepcopy(value), self.keys, self.change)
        if after != value:
            exchange["b"] = json.dumps(after)
            self.shown += 1

    def whole(self, exchange):
        if self.kind == "status":
            exchange["s"] = {200: 206, 201: 200}.get(exchange["s"], 203) if exchange["s"] != 206 else 200
        elif self.kind == "header":
            exchange["h"] = exchange["h"][:1]
        elif self.kind == "media type":
            exchange["h"][0][1] = "application/vnd.next+json"
        elif self.kind == "endpoint gone":
            exchange.update(s=404, b='{"error":"gone"}')
        elif self.kind == "latency":
            exchange["us"] = 900_000


async def trial(driver, session, op, kind, rng, false):
    """(found, named right, alerts) of one change, or None where it makes no sense."""
    watch = session.watch
    if kind == "endpoint new":
        watch.give({"do": "trial"})
        for n in range(OCCURRENCES):
            watch.give({"m": "GET", "t": f"/zz-joined/{op.key.__hash__() % 1000}/{n + 10}", "s": 200, "h": [["content-type", "application/json"]], "b": json.dumps({"id": n}), "us": 5000})
        return judge(watch.ask("alerts"), false, kind)
    good = [s for s in driver.count.get(op.key, {}) if s.startswith("2") and driver.count[op.key][s] >= ENOUGH]
    good.sort(key=lambda s: -driver.count[op.key][s])
    if not good or (good[0] in ("203", "206") and kind == "status"):
        return None
    status, keys, change = good[0], (), None
    if kind not in ("status", "header", "media type", "endpoint gone", "latency"):
        node = op.statuses[status][1]
        if node is None:
            return None
        facts, obs = driver.facts_of(op, status), driver.obs.get((op.key, status), {})
        value = driver.m.generate(node, rng, {"\0last": None})
        found = [(spot, body_change(kind, rng, *spot)) for spot in spots(value, facts, obs)]
        found = [(spot, made) for spot, made in found if made is not None]
        if not found:
            return None
        (_, keys, *_), change = rng.choice(found)
    elif kind == "media type" and op.statuses[status][1] is None:
        return None
    changer = Changer(kind, op, status, keys, change)
    watch.give({"do": "trial"})
    session.change = changer
    for _ in range(80):
        if changer.shown >= OCCURRENCES:
            break
        await driver.one(session, "http://api.test", op)
    session.change = None
    return judge(watch.ask("alerts"), false, kind) if changer.shown >= OCCURRENCES else None


def judge(alerts, false, kind):
    """What was wrong before the change is told apart."""
    kinds = [alert["kind"] for alert in alerts if alert["state"] == "open" and alert["id"] not in false]
    return bool(kinds), bool(kinds) and set(kinds) <= KINDS[kind], kinds


async def run(name, model, args, results):
    from lb import traffic

    watch = Watch(args.program)
    session = Session(traffic.Backend(model, args.seed), watch, args.seed)
    driver = traffic.Driver(model, max(2, args.stationary // max(1, len(model.ops))), args.seed)
    for op in driver.plan():
        await driver.one(session, "http://api.test", op)
    calls = sum(session.count.values())
    false = watch.ask("alerts")
    watch.give({"do": "base"})
    cost = watch.ask("time")
    print(f"{name}: {len(driver.labels)} calls, {calls} good, {cost['watched'][0]} of {cost['watched'][1]} endpoints watched, "
          f"{len(false)} alerts while nothing changed, {cost['nanos'] / 1000:.2f} µs per call of {cost['bytes']} bytes", flush=True)
    for alert in false:
        print("  false:", alert["method"], alert["template"], alert["kind"], alert["findings"][0]["pointer"], alert["findings"][0]["before"], alert["findings"][0]["after"], alert["count"])
    rng = random.Random(args.seed)
    for kind in KINDS:
        ops = [op for op in model.ops]
        rng.shuffle(ops)
        done = 0
        for op in ops:
            if done >= args.trials:
                break
            judged = await trial(driver, session, op, kind, rng, {alert["id"] for alert in false})
            if judged is None:
                continue
            done += 1
            found, named, kinds = judged
            results[kind].append((found, named))
            if args.verbose and not named:
                print(f"  {kind} at {op.key}: {kinds or 'not found'}", flush=True)
    watch.process.stdin.close()
    watch.process.wait()
    return len(false)


def table(results):
    print("\n| change | trials | found within 5 | named right |\n|---|---|---|---|")
    rows = [(kind, results[kind]) for kind in KINDS if results[kind]]
    for kind, trials in [*rows, ("**all**", [trial for _, trials in rows for trial in trials])]:
        share = lambda at: f"{sum(trial[at] for trial in trials) / max(1, len(trials)):.3f}"
        print(f"| {kind} | {len(trials)} | {share(0)} | {share(1)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learnbench", help="learnbench's folder")
    parser.add_argument("--list", help="a list of documents instead of learnbench's own")
    parser.add_argument("--specs", help="only these, comma-separated")
    parser.add_argument("--stationary", type=int, default=200_000, help="calls while nothing changes, per document")
    parser.add_argument("--trials", type=int, default=8, help="per kind and document")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--verbose", action="store_true", help="name the trials that went wrong")
    parser.add_argument("--program", default=os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release/examples/watch_traffic"))
    args = parser.parse_args()
    sys.path.insert(0, args.learnbench)
    from lb import spec
    from lb.model import Model

    listing = args.list or os.path.join(args.learnbench, "specs-visible.txt")
    results, alerts = defaultdict(list), 0
    for name, source, opts in spec.read_list(listing):
        if args.specs and name not in args.specs.split(","):
            continue
        doc = spec.load(source, os.path.dirname(os.path.abspath(listing)))
        model = Model(doc, name, int(opts.get("limit", 60)), int(opts.get("seed", args.seed)), opts.get("ids"), opts.get("base"), opts.get("fix"))
        alerts += asyncio.run(run(name, model, args, results))
    table(results)
    print(f"\n{alerts} alerts while nothing changed")


if __name__ == "__main__":
    main()
