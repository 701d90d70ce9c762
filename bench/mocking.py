"""Answers of the twin, beside one static hyper answer of the same size and beside other mock servers."""

import contextlib
import json
import os
import pathlib
import urllib.request

import kit

CONNECTIONS = 64
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "understudy/tools/bench"
MODULES = CACHE / "node_modules"


def measure(folder, rounds, seconds):
    with contextlib.ExitStack() as stack:
        reference = stack.enter_context(kit.static())
        ours = stack.enter_context(kit.Understudy(reference, folder))
        teach(ours)
        answer = ours.get("/items/7")
        if answer != reference.get("/items/7"):
            raise kit.Failed(f"the twin answers something else than what it learned: {answer[:200]!r}")
        peers = [stack.enter_context(start(folder, answer.decode())) for start in (mockoon, prism, wiremock)]
        servers = [reference, ours, *peers]
        for server in servers:
            # Virtual machines compile what is hot first.
            kit.wrk(server, 2, CONNECTIONS)
        rows = {server.name: [] for server in servers}
        for _ in range(rounds):
            for server in servers:
                meter = kit.Meter(server)
                result = kit.wrk(server, seconds, CONNECTIONS)
                rows[server.name].append({
                    "cpu_us": sum(meter.read().values()) / result["requests"],
                    "rate": result["requests"] / result["seconds"],
                })
        return rows


def teach(ours):
    for number in range(1, 41):
        ours.get(f"/items/{number}")
    ours.settle()
    ours.get("/admin/mode", "PUT", {"mode": "mock"})


def mockoon(folder, answer):
    port = kit.free_port()
    route = {
        "uuid": "r", "type": "http", "method": "get", "endpoint": "items/:id", "responses": [{
            "uuid": "a", "body": answer, "latency": 0, "statusCode": 200, "default": True, "bodyType": "INLINE",
            "headers": [{"key": "Content-Type", "value": "application/json"}], "rules": [], "rulesOperator": "OR",
        }],
    }
    environment = {
        "uuid": "e", "lastMigration": 33, "name": "bench", "hostname": kit.HOST, "port": port, "endpointPrefix": "",
        "latency": 0, "routes": [route], "rootChildren": [{"type": "route", "uuid": "r"}], "folders": [],
        "headers": [], "data": [], "callbacks": [], "proxyMode": False, "cors": False,
    }
    path = pathlib.Path(folder) / "mockoon.json"
    path.write_text(json.dumps(environment))
    cli = MODULES / ".bin/mockoon-cli"
    return kit.Server("mockoon", [cli, "start", "--data", path, "--disable-log-to-file"], port)


def prism(folder, answer):
    port = kit.free_port()
    media = {"application/json": {"example": json.loads(answer), "schema": {"type": "object"}}}
    identifier = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    operation = {"parameters": [identifier], "responses": {"200": {"description": "an item", "content": media}}}
    document = {
        "openapi": "3.0.3", "info": {"title": "bench", "version": "1"}, "paths": {"/items/{id}": {"get": operation}},
    }
    path = pathlib.Path(folder) / "prism.json"
    path.write_text(json.dumps(document))
    cli = MODULES / ".bin/prism"
    return kit.Server("prism", [cli, "mock", path, "-h", kit.HOST, "-p", port, "-v", "fatal"], port)


def wiremock(folder, answer):
    port = kit.free_port()
    jar = next(MODULES.glob("wiremock/**/wiremock-standalone-*.jar"), None)
    if jar is None:
        raise kit.Failed(f"no WireMock under {MODULES}; scripts/setup.sh bench installs it")
    options = ["--port", port, "--bind-address", kit.HOST, "--no-request-journal", "--disable-banner",
               "--async-response-enabled", "false", "--root-dir", pathlib.Path(folder) / "wiremock"]
    server = kit.Server("wiremock", ["java", "-jar", jar, *options], port)
    response = {"status": 200, "body": answer, "headers": {"Content-Type": "application/json"}}
    stub = {"request": {"method": "GET", "urlPathPattern": "/items/.*"}, "response": response}
    request = urllib.request.Request(server.url("/__admin/mappings"), data=json.dumps(stub).encode())
    urllib.request.urlopen(request, timeout=30).read()
    return server


def figures(rows):
    cpu = {name: kit.best(row, "cpu_us") for name, row in rows.items()}
    rate = {name: max(row["rate"] for row in found) for name, found in rows.items()}
    mine, other = cpu["understudy"], cpu["static"]
    found = [("CPU per mock answer of 1 KB", "at most 2x a static hyper answer",
              f"{mine:.1f} µs, static {other:.1f} ({mine / other:.2f}x)", mine <= 2 * other)]
    for name in ("mockoon", "prism", "wiremock"):
        times = rate["understudy"] / rate[name]
        found.append((f"requests/s beside {name}", "at least 5x",
                      f"{rate['understudy']:.0f}, {name} {rate[name]:.0f} ({times:.1f}x)", times >= 5))
    return found


def control(rows):
    return kit.movement([row["cpu_us"] for row in rows["static"]])
