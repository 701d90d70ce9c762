#!/usr/bin/env python3
"""Measures the data plane and prints a table; README.md beside this file says what the numbers mean.

    run.py [--parts proxying,idle,mocking,lookup,chaos,plugins] [--rounds 5] [--seconds 3] [--out FILE]

Exit code 0: every figure was reached; 1: one was missed; 2: it could not be measured; 3: the control moved, nothing counts.
"""

import argparse
import importlib
import json
import os
import platform
import resource
import sys
import tempfile

import kit

PARTS = ("proxying", "idle", "mocking", "lookup", "chaos", "plugins")
MAX_MOVEMENT = 0.10


def main():
    args = arguments()
    # Thousands of idle connections are part of it.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    report = {"machine": {"cpus": os.cpu_count(), "kernel": platform.release()}, "parts": {}}
    figures, moved = [], 0.0
    try:
        for name in args.parts:
            part = importlib.import_module(name)
            with tempfile.TemporaryDirectory(prefix="understudy-bench-") as folder:
                result = part.measure(folder, args.rounds, args.seconds)
            found = part.figures(result)
            moved = max(moved, part.control(result))
            figures += found
            keys = ("name", "asked", "measured", "reached")
            report["parts"][name] = {"figures": [dict(zip(keys, row)) for row in found], "rounds": result}
    except kit.Failed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 2
    report["control_moved"], report["void"] = moved, moved > MAX_MOVEMENT
    if args.out:
        with open(args.out, "w") as file:
            json.dump(report, file, indent=1)
    show(figures)
    print(f"\ncontrol moved by {moved:.1%} between rounds")
    if report["void"]:
        print(f"bench: VOID, the control moved by more than {MAX_MOVEMENT:.0%}: the machine was busy, measure again",
              file=sys.stderr)
        return 3
    return 0 if all(row[3] for row in figures) else 1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=lambda text: text.split(","), default=PARTS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--out")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no part is named {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return args


def show(figures):
    print("| | asked | measured | |\n|---|---|---|---|")
    for name, asked, measured, reached in figures:
        print(f"| {name} | {asked} | {measured} | {'reached' if reached else 'missed'} |")


if __name__ == "__main__":
    sys.exit(main())
