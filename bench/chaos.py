"""Faults on purpose: how often they come, how long delays are, what waiting costs, and what chaos costs that is off.

With BASELINE_BIN (a build from before there was chaos) the CPU of both is measured in turns.
"""

import asyncio
import contextlib
import json
import math
import os
import time

import kit

REQUESTS = 10_000
RATES = (0.01, 0.05, 0.3, 0.95)
# Few enough for one thread of Python to take the time of each answer.
CONNECTIONS = 100
WAITING = 10_000
# For a start, and for what ends, to come to rest.
REST_S = 2
PAIR_CONNECTIONS = 64
GET = b"GET /items/7 HTTP/1.1\r\nHost: localhost\r\n\r\n"

SIGMA = math.log(900 / 200) / 2.326347874040841
DELAYS = {
    "uniform, 100 to 300 ms": ({"uniform_ms": [100, 300]}, lambda ms: min(1, max(0, (ms - 100) / 200))),
    "normal, 200 ms, deviation 40 ms": ({"normal_ms": {"mean": 200, "deviation": 40}}, lambda ms: phi((ms - 200) / 40)),
    "log-normal, median 200 ms, p99 900 ms":
        ({"log_normal_ms": {"median": 200, "p99": 900}}, lambda ms: phi(math.log(max(ms, 1e-9) / 200) / SIGMA)),
}


def phi(z):
    return (1 + math.erf(z / math.sqrt(2))) / 2


def measure(folder, rounds, seconds):
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(kit.static())
        ours = stack.enter_context(
            kit.Understudy(upstream, folder, env={"MAX_CONNECTIONS": str(WAITING + 100)}))
        time.sleep(REST_S)
        off = answer_of(ours)
        result = {
            "rates": {rate: struck(ours, rate) for rate in RATES},
            "delays": {name: delays(ours, delay) for name, (delay, _) in DELAYS.items()},
            "waiting": waiting(ours),
        }
        result["same_bytes"] = off == answer_of(ours)
        if baseline := os.environ.get("BASELINE_BIN"):
            result["pair"] = pair(stack, upstream, folder, baseline, rounds, seconds)
        return result


def at_work(server, rules):
    server.get("/admin/chaos", "PUT", {"on": True, "seed": 7, "rules": rules})


def halt(server):
    server.get("/admin/chaos/halt", "POST", {})


def answer_of(server):
    """The bytes of an answer, but for what an exchange has of its own."""
    async def ask():
        reader, writer = await asyncio.open_connection(kit.HOST, server.port)
        answer = await once(reader, writer)
        writer.close()
        return [line for line in answer.split(b"\r\n") if not line.lower().startswith(b"date:")]
    return asyncio.run(ask())


async def once(reader, writer):
    writer.write(GET)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return head + await reader.readexactly(length)


def ask_all(server, requests, connections):
    """Status and milliseconds of so many requests."""
    async def client(count):
        reader, writer = await asyncio.open_connection(kit.HOST, server.port)
        rows = []
        for _ in range(count):
            begun = time.perf_counter()
            answer = await once(reader, writer)
            rows.append((int(answer[9:12]), (time.perf_counter() - begun) * 1000))
        writer.close()
        return rows

    async def run():
        return await asyncio.gather(*(client(requests // connections) for _ in range(connections)))
    return [row for rows in asyncio.run(run()) for row in rows]


def struck(server, rate):
    at_work(server, [{"faults": [{"abort": {"status": 418, "body": "x"}}], "probability": rate}])
    rows = ask_all(server, REQUESTS, CONNECTIONS)
    halt(server)
    return sum(status == 418 for status, _ in rows) / len(rows)


def delays(server, delay):
    at_work(server, [{"faults": [{"delay": delay}]}])
    rows = ask_all(server, REQUESTS, CONNECTIONS)
    halt(server)
    return sorted(ms for _, ms in rows)


def distance(times, cumulative):
    """The largest distance between two distribution functions (Kolmogorov and Smirnov)."""
    n = len(times)
    return max(max(abs(cumulative(ms) - at / n), abs((at + 1) / n - cumulative(ms))) for at, ms in enumerate(times))


def waiting(server):
    """Resident memory with many requests held back at once, their connections included."""
    server.settle()
    time.sleep(REST_S)
    before = server.rss_bytes()
    at_work(server, [{"faults": [{"delay": {"fixed_ms": 600_000}}]}])

    async def hold():
        lines = [await asyncio.open_connection(kit.HOST, server.port) for _ in range(WAITING)]
        for _, writer in lines:
            writer.write(GET)
        while json.loads(await asyncio.to_thread(server.get, "/admin/chaos/rules"))[0]["struck"] < WAITING:
            await asyncio.sleep(0.1)
        during = server.rss_bytes()
        # Whoever waits is let go.
        await asyncio.to_thread(halt, server)
        answers = [await reader.readuntil(b"\r\n\r\n") for reader, _ in lines]
        for _, writer in lines:
            writer.close()
        return during, sum(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    during, answered = asyncio.run(hold())
    return {"before_bytes": before, "during_bytes": during, "answered": answered}


def pair(stack, upstream, folder, baseline, rounds, seconds):
    ours = stack.enter_context(kit.Understudy(upstream, folder, name="after"))
    os.environ["UNDERSTUDY_BIN"], kept = baseline, os.environ.get("UNDERSTUDY_BIN")
    try:
        before = stack.enter_context(kit.Understudy(upstream, folder, name="before"))
    finally:
        os.environ.pop("UNDERSTUDY_BIN")
        if kept:
            os.environ["UNDERSTUDY_BIN"] = kept
    return kit.in_turns(before, ours, rounds, seconds, PAIR_CONNECTIONS)


def figures(result):
    rows = [
        (f"injected rate, {rate:.0%} asked, {REQUESTS} requests", "within 1 point", f"{found:.2%}", abs(found - rate) <= 0.01)
        for rate, found in result["rates"].items()
    ]
    for name, times in result["delays"].items():
        found = distance(times, DELAYS[name][1])
        median = times[len(times) // 2]
        rows.append((f"delay, {name}", "KS at most 0.05", f"KS {found:.4f}, median {median:.1f} ms", found <= 0.05))
    waiting_mib = (result["waiting"]["during_bytes"] - result["waiting"]["before_bytes"]) / 2**20
    rows.append((f"{WAITING} requests held back at once", "at most 200 MiB", f"{waiting_mib:.1f} MiB", waiting_mib <= 200))
    answered = result["waiting"]["answered"]
    rows.append(("… answered by the API after a halt", f"all {WAITING}", str(answered), answered == WAITING))
    rows.append(("answers before and after all of it", "the same bytes", "same" if result["same_bytes"] else "different",
                 result["same_bytes"]))
    if pair_rows := result.get("pair"):
        for key, what in (("traffic_cpu_us", "request path"), ("cpu_us", "whole process")):
            before, after = (kit.best(pair_rows[name], key) for name in ("before", "after"))
            rows.append((f"CPU per request with all rules off, {what}", "within 1 % of before",
                         f"{after:.2f} µs, before {before:.2f} ({after / before - 1:+.1%})", after <= 1.01 * before))
    return rows


def control(result):
    """Movement of the older build's CPU per request over the rounds."""
    return kit.movement([row["traffic_cpu_us"] for row in result["pair"]["before"]]) if "pair" in result else 0.0
