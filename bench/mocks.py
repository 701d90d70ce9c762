#!/usr/bin/env python3
"""How right the twin's answers are by the true schemas of learnbench's servers, and how well it tells good bodies from bad ones.

    mocks.py LEARNBENCH RUNS ASK [--n 20] [--seed 1] [--requests 500] [--show 0]

LEARNBENCH is the folder of learnbench, RUNS one that `learnbench.py run --peer literal --n N --seed SEED --out RUNS` wrote (run
it with learnbench's Python), ASK the program `cargo build --release -p understudy-contract --example ask_twin` makes. Per
document the twin learns RUNS/NAME-N/traffic.har and is asked for known and unknown ids, half of the bodies without a member
that the server needs.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter


def main():
    args = arguments()
    sys.path.insert(0, args.learnbench)
    sys.dont_write_bytecode = True
    global validator, traffic
    from jsonschema import Draft202012Validator as validator
    from lb import spec, traffic
    from lb.model import Model

    listing = os.path.join(args.learnbench, "specs-visible.txt")
    totals = Counter()
    print("| document | answers | valid | of confidence ≥ 0.9 | valid | refusals: precision | recall |\n|---|---|---|---|---|---|---|")
    for name, source, options in spec.read_list(listing):
        run = os.path.join(args.runs, f"{name}-{args.n}")
        if not os.path.exists(os.path.join(run, "traffic.har")):
            print(f"mocks: no {run}/traffic.har", file=sys.stderr)
            continue
        document = spec.load(source, args.learnbench)
        seed = int(options.get("seed", args.seed))
        limit = int(options.get("limit", 60))
        model = Model(document, name, limit, seed, options.get("ids"), options.get("base"), options.get("fix"))
        counts = measure(model, run, args)
        totals += counts
        print(row(name, counts), flush=True)
    print(row("all", totals))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("learnbench")
    parser.add_argument("runs")
    parser.add_argument("ask")
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--show", type=int, default=0, help="so many wrong answers are shown per document")
    return parser.parse_args()


def row(name, counts):
    share = lambda part, whole: f"{counts[part] / counts[whole]:.3f}" if counts[whole] else "-"
    cells = (name, counts["answers"], share("valid", "answers"), counts["sure"], share("sure valid", "sure"),
             share("right refusals", "refusals"), share("right refusals", "due refusals"))
    return f"| {' | '.join(map(str, cells))} |"


def measure(model, run, args):
    """Asks for every operation in turn and counts what came back."""
    draw = random.Random(args.seed)
    server = traffic.Backend(model, args.seed)
    driver = traffic.Driver(model, args.n, args.seed)
    heard = known_ids(model, run)
    asks = [ask for ask in (request(model, server, driver, heard, draw, n) for n in range(args.requests)) if ask]
    lines = "\n".join(json.dumps(ask["sent"]) for ask in asks)
    process = subprocess.run([args.ask, os.path.join(run, "traffic.har")], input=lines, capture_output=True, text=True)
    if process.returncode:
        raise SystemExit(f"mocks: {args.ask} failed: {process.stderr[-500:]}")
    counts, left = Counter(), args.show
    for ask, line in zip(asks, process.stdout.splitlines()):
        said = json.loads(line)
        wrong = judge(model, ask, said, counts)
        if wrong and left:
            left -= 1
            print("   ", said.get("status"), ask["op"].key, said["target"], said.get("confidence"), said.get("reason"), wrong)
    return counts


def known_ids(model, run):
    """By operation, the ids of its path that had a good answer."""
    from urllib.parse import unquote, urlsplit

    heard = {}
    with open(os.path.join(run, "traffic.har")) as file:
        entries = json.load(file)["log"]["entries"]
    for entry in entries:
        hit = model.router.match(entry["request"]["method"], urlsplit(entry["request"]["url"]).path, unquote)
        if hit and entry["response"]["status"] < 400:
            heard.setdefault(hit[0].key, []).append(hit[1])
    return heard


def request(model, server, driver, heard, draw, n):
    """One request, with the operation and the status that the server would answer."""
    op = model.ops[n % len(model.ops)]
    known = op.key in heard
    if not known:
        return None
    stranger = op.pools and draw.random() < 0.2
    values = [model.pools[pool].unknown(draw) or "none-such" for pool in op.pools] if stranger else draw.choice(heard[op.key])
    body = None
    if op.body_node is not None:
        body = model.generate(op.body_node, draw)
        need = [name for name, (_, share) in getattr(op.body_node, "props", {}).items() if share >= 1.0]
        if need and isinstance(body, dict) and draw.random() < 0.5:
            body.pop(draw.choice(need), None)
    status = server.status(op, values, True, body, draw)
    sent = {"method": op.method, "target": driver.path(op, values), "headers": [["authorization", traffic.AUTH]], "body": body}
    return {"op": op, "status": status, "sent": sent, "stranger": stranger}


def judge(model, ask, said, counts):
    """Counts one answer; what is wrong about it, if anything is."""
    if "refused" in said:
        counts["none"] += 1
        return None
    status, op = str(said["status"]), ask["op"]
    counts["answers"] += 1
    sure = said["confidence"] >= 0.9
    counts["sure"] += sure
    wrong = None
    if status not in op.statuses:
        wrong = f"the server never answers {status}"
    elif (node := op.statuses[status][1]) is not None:
        error = next(validator(model.to_schema(node)).iter_errors(said["body"]), None)
        wrong = error and f"{error.message[:90]} at /{'/'.join(map(str, error.absolute_path))}"
    counts["valid"] += not wrong
    counts["sure valid"] += sure and not wrong
    if ask["sent"]["body"] is not None and not ask["stranger"]:
        due, refused = ask["status"] in ("400", "422"), status in ("400", "422")
        counts["due refusals"] += due
        counts["refusals"] += refused
        counts["right refusals"] += due and refused
        if due != refused:
            wrong = wrong or f"refused {refused}, due {due}: {json.dumps(ask['sent']['body'])[:120]}"
    return wrong


if __name__ == "__main__":
    main()
