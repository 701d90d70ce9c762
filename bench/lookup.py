"""How long it takes to find a request's endpoint among few and among many."""

import json
import subprocess

import kit


def measure(folder, rounds, seconds):
    found = {"10": [], "5000": []}
    for _ in range(rounds):
        for endpoints in found:
            done = subprocess.run([kit.RELEASE / "lookup", endpoints], capture_output=True, text=True)
            if done.returncode:
                raise kit.Failed(f"lookup: {done.stderr}")
            found[endpoints].append(json.loads(done.stdout))
    return found


def figures(found):
    few, many = (kit.best(found[endpoints], "ns") for endpoints in ("10", "5000"))
    return [("lookup among 5,000 endpoints", "at most 1.2x the cost at 10",
             f"{many:.0f} ns, at 10 {few:.0f} ns ({many / few:.2f}x)", many <= 1.2 * few)]


def control(found):
    return kit.movement([row["ns"] for row in found["10"]])
