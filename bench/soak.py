"""An hour at 1,000 requests/s in front of an API that fails at random: memory, descriptors, threads, errors.

    python3 bench/soak.py --minutes 60 [--rate 1000] [--out soak.json]

UNDERSTUDY_BIN names the program. Exit code 0: every promise was kept; 1: one was not. Client and API are this one process; which
fault the API commits over a request follows from the request's number, so the client knows what to expect.
"""

import argparse
import asyncio
import json
import os
import pathlib
import socket
import sys
import tempfile
import time

import kit

CONNECTIONS = 32
# Of a thousand requests: what the API does to them.
FAULTS = (("status", 8), ("close", 4), ("half", 4), ("slow", 4), ("nonsense", 4), ("drip", 4))
SAMPLE_EVERY_S = 10
WARM_UP_SHARE = 1 / 6
MAX_SLOPE_MIB_PER_MIN = 0.5
# A connection of a client and one to the API each may come and go while it is looked at.
FLAT_DESCRIPTORS = 80
PATIENCE_S = 90


def fault_of(number):
    """SplitMix64 of the number, in thousandths."""
    x = (number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    draw = (x ^ x >> 27) % 1000
    for name, share in FAULTS:
        if draw < share:
            return name
        draw -= share
    return None


def body_of(number):
    return json.dumps({"id": number % 5000, "name": f"item {number % 5000}", "at": number, "tags": ["a", "b"], "pad": "x" * 400})


async def api(reader, writer):
    """Answers requests of one connection."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            number = int(target.rsplit("n=", 1)[1]) if "n=" in target else 0
            fault = fault_of(number) if "n=" in target else None
            body = body_of(number).encode()
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            if fault == "status":
                answer, body = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", b""
            elif fault == "close":
                return
            elif fault == "half":
                writer.write(answer + body[: len(body) // 2])
                return
            elif fault == "nonsense":
                writer.write(b"HTTQ/9 what\r\n\r\n")
                return
            elif fault == "slow":
                await asyncio.sleep(1.5)
            elif fault == "drip":
                writer.write(answer)
                for at in range(0, len(body), 100):
                    writer.write(body[at : at + 100])
                    await writer.drain()
                    await asyncio.sleep(0.05)
                continue
            writer.write(answer + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


async def one(stream, address, number):
    """Asks once: the stream to go on with, the status, the source, and whether the body is right. 0 for a broken connection."""
    reader, writer = stream or await asyncio.open_connection(*address)
    writer.write(f"GET /items/{number % 5000}?n={number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if "content-length" in fields:
            body = await reader.readexactly(int(fields["content-length"]))
        else:
            body = b""
            while size := int(await reader.readline() or b"0", 16):
                body += await reader.readexactly(size + 2)
            await reader.readline()
        status = int(head.split(" ", 2)[1])
        source = fields.get("x-understudy-source", "")
        right = source != "upstream" or status != 200 or body == body_of(number).encode()
        return (reader, writer), status, source, right
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        writer.close()
        return None, 0, "", False


def is_explained(number, status, source, right):
    """Whether the API's fault, or the twin that stands in, accounts for it."""
    fault = fault_of(number)
    if status == 0:
        return fault == "half"
    if source == "twin":
        return True
    if source == "upstream":
        return right and (status == 200 or (status == 503 and fault == "status"))
    return fault in ("close", "half", "nonsense")


async def ask(address, rate, end, tally):
    """Request n is due at n / rate; the connections take turns at what is due."""
    start, due = time.monotonic(), iter(range(10**12))

    async def caller():
        stream = None
        for number in due:
            wait = start + number / rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            if time.monotonic() > end:
                return
            try:
                stream, status, source, right = await asyncio.wait_for(one(stream, address, number), PATIENCE_S)
            except (TimeoutError, OSError) as error:
                stream, status, source, right = None, -1, type(error).__name__, False
            tally["requests"] += 1
            key = f"{status} {source}".strip()
            tally["by"][key] = tally["by"].get(key, 0) + 1
            if not is_explained(number, status, source, right):
                tally["unexplained"] += 1
                if len(tally["examples"]) < 20:
                    tally["examples"].append([number, fault_of(number), status, source, right])

    await asyncio.gather(*(caller() for _ in range(CONNECTIONS)))


def look(pid, began):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    field = lambda name: int(status.split(name + ":", 1)[1].split(None, 1)[0])
    return {"minutes": (time.monotonic() - began) / 60, "rss_mib": field("VmRSS") / 1024, "threads": field("Threads"),
            "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


async def watch(pid, end, samples):
    began = time.monotonic()
    while time.monotonic() < end:
        await asyncio.sleep(min(SAMPLE_EVERY_S, max(0.1, end - time.monotonic())))
        samples.append(look(pid, began))


def slope(samples):
    """Of resident memory, in MiB/min, by least squares."""
    n = len(samples)
    if n < 2:
        return 0.0
    x, y = [s["minutes"] for s in samples], [s["rss_mib"] for s in samples]
    mx, my = sum(x) / n, sum(y) / n
    below = sum((a - mx) ** 2 for a in x)
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / below if below else 0.0


async def soak(minutes, rate):
    server = await asyncio.start_server(api, "127.0.0.1", 0)
    upstream = server.sockets[0].getsockname()[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    binary = os.environ.get("UNDERSTUDY_BIN", kit.RELEASE / "understudy")
    with tempfile.TemporaryDirectory() as folder:
        env = {"TARGET_URL": f"http://127.0.0.1:{upstream}", "LISTEN_ADDR": f"127.0.0.1:{port}", "DATA_DIR": folder, "LOG": "error"}
        with kit.Server("understudy", [binary], port, env=env, cwd=folder) as understudy:
            pid = understudy.process.pid
            tally, samples = {"requests": 0, "unexplained": 0, "by": {}, "examples": []}, []
            end = time.monotonic() + minutes * 60
            began = time.monotonic()
            await asyncio.gather(ask(("127.0.0.1", port), rate, end, tally), watch(pid, end, samples))
            took = time.monotonic() - began
            is_alive = understudy.process.poll() is None
            log = pathlib.Path(understudy.log.name).read_text()
    steady = [s for s in samples if s["minutes"] >= minutes * WARM_UP_SHARE]
    spread = lambda key: max(s[key] for s in steady) - min(s[key] for s in steady) if steady else 0
    return {"minutes": round(took / 60, 2), "rate": round(tally["requests"] / took, 1), "slope_mib_per_min": round(slope(steady), 3),
            "rss_mib": [round(s["rss_mib"], 1) for s in (steady[0], steady[-1])] if steady else [],
            "threads": spread("threads"), "descriptors": spread("descriptors"),
            "panics": log.count("panicked"), "alive": is_alive, **tally, "samples": samples}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--out")
    wanted = parser.parse_args()
    found = asyncio.run(soak(wanted.minutes, wanted.rate))
    if wanted.out:
        pathlib.Path(wanted.out).write_text(json.dumps(found, indent=1))
    kept = {"memory": found["slope_mib_per_min"] <= MAX_SLOPE_MIB_PER_MIN, "threads": found["threads"] == 0,
            "descriptors": found["descriptors"] <= FLAT_DESCRIPTORS, "no unexplained error": found["unexplained"] == 0,
            "no panic": found["panics"] == 0 and found["alive"]}
    print(json.dumps({key: value for key, value in found.items() if key != "samples"}, indent=1))
    for promise, is_kept in kept.items():
        print(f"{promise}: {'kept' if is_kept else 'NOT KEPT'}")
    return 0 if all(kept.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
