"""CPU per proxied request and latency, beside nginx and a proxy made of nothing but hyper."""

import contextlib
import time

import kit

CONNECTIONS = 64
# The learner keeps up with this, so that nothing is shed.
LEARNED_RATE = 2000


def measure(folder, rounds, seconds):
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(kit.static())
        nginx = stack.enter_context(kit.nginx(upstream, folder))
        hyper = stack.enter_context(kit.hyper_proxy(upstream))
        ours = stack.enter_context(kit.Understudy(upstream, folder))
        stack.enter_context(kit.Viewer(ours))
        proxies = [nginx, hyper, ours]
        for server in proxies:
            kit.wrk(server, 1, CONNECTIONS)
        saturated = {server.name: [] for server in proxies}
        for _ in range(rounds):
            for server in proxies:
                saturated[server.name].append(saturate(server, seconds))
        ours.settle()
        return {
            "saturated": saturated,
            "learned": learned(nginx, ours, rounds, seconds),
            "latency": latency([upstream, *proxies], saturated, rounds, seconds),
        }


def saturate(server, seconds):
    before = server.learner() if isinstance(server, kit.Understudy) else None
    meter = kit.Meter(server)
    result = kit.wrk(server, seconds, CONNECTIONS)
    spent = meter.read()
    row = {"cpu_us": sum(spent.values()) / result["requests"], "rate": result["requests"] / result["seconds"]}
    if before:
        after = server.learner()
        traffic = sum(us for name, us in spent.items() if name.startswith(kit.TRAFFIC_THREADS))
        row["traffic_cpu_us"] = traffic / result["requests"]
        row["shed"] = (after["shed"] - before["shed"]) / result["requests"]
        row["threads"] = {name: round(us / result["requests"], 2) for name, us in spent.items() if us > 1000}
    return row


def learned(nginx, ours, rounds, seconds):
    """The whole process until the last exchange is learned and on disk, at a rate at which nothing is shed."""
    rows = {"nginx": [], "understudy": []}
    for _ in range(rounds):
        for server in (nginx, ours):
            shed = ours.learner()["shed"]
            meter = kit.Meter(server)
            result = kit.open_loop(server, LEARNED_RATE, seconds)
            if server is ours:
                ours.settle()
                if ours.learner()["shed"] != shed:
                    raise kit.Failed(f"exchanges were shed at {LEARNED_RATE} requests/s")
            # The warm-up is not among the counted requests.
            spent, requests = meter.read(), LEARNED_RATE * (seconds + 0.5)
            assert result["requests"] <= requests
            rows[server.name].append({
                "cpu_us": sum(spent.values()) / requests,
                "threads": {name: round(us / requests, 2) for name, us in spent.items() if us > 1000},
            })
    return rows


def latency(servers, saturated, rounds, seconds):
    rate = round(max(row["rate"] for row in saturated["nginx"]) / 2)
    rows = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            result = kit.open_loop(server, rate, seconds)
            alone = kit.wrk(server, 1, 1)
            rows[server.name].append({"p50": result["p50"], "p99": result["p99"], "alone_p50": alone["p50"]})
            time.sleep(0.2)
    return {"rate": rate, "rows": rows}


def figures(result):
    """What was asked for, as (name, asked, measured, whether it holds)."""
    cpu = {name: kit.best(rows, "cpu_us") for name, rows in result["saturated"].items()}
    ours = result["saturated"]["understudy"]
    traffic = kit.best(ours, "traffic_cpu_us")
    learned = {name: kit.best(rows, "cpu_us") for name, rows in result["learned"].items()}
    late = {name: {key: kit.best(rows, key) for key in rows[0]} for name, rows in result["latency"]["rows"].items()}
    added = {name: row["alone_p50"] - late["static"]["alone_p50"] for name, row in late.items()}
    shed = min(row["shed"] for row in ours)

    def ratio(name, limit, mine, other, unit="µs"):
        return (name, f"at most {limit}x nginx", f"{mine:.1f} {unit}, nginx {other:.1f} ({mine / other:.2f}x)",
                mine <= limit * other)

    rate = result["latency"]["rate"]
    return [
        ratio("CPU per request, request path with capture and live feed", 1.5, traffic, cpu["nginx"]),
        ratio(f"… whole process, {shed:.0%} shed at least", 1.5, cpu["understudy"], cpu["nginx"]),
        ratio("… bare hyper proxy, for comparison", 1.5, cpu["hyper"], cpu["nginx"]),
        ratio(f"CPU per request, all learned and stored, {LEARNED_RATE}/s", 2.5, learned["understudy"], learned["nginx"]),
        ("added p50, one connection", "nginx's + 20 µs", f"{added['understudy']} µs, nginx {added['nginx']} µs",
         added["understudy"] <= added["nginx"] + 20),
        ratio(f"open-loop p99 at {rate}/s", 1.5, late["understudy"]["p99"], late["nginx"]["p99"]),
        ratio(f"open-loop p50 at {rate}/s, for comparison", 1.5, late["understudy"]["p50"], late["nginx"]["p50"]),
    ]


def control(result):
    """Movement of nginx's CPU per request over the rounds."""
    return max(kit.movement([row["cpu_us"] for row in rows])
               for rows in (result["saturated"]["nginx"], result["learned"]["nginx"]))
