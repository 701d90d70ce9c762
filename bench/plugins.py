"""What a plugin at every hook costs a request: the examples in one server, none in the other, in turns."""

import contextlib
import shutil

import kit

CONNECTIONS = 64
# The learner keeps up with this, so that nothing is shed.
LEARNED_RATE = 2000
EXAMPLES = ("tenant_prefix", "payment_data", "national_id", "quiet_meta", "friday_checkout", "graphql_stand_in")
BUILT = kit.ROOT / "target/plugins/wasm32-unknown-unknown/plugin"


def measure(folder, rounds, seconds):
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(kit.static())
        without = stack.enter_context(kit.Understudy(upstream, folder, name="without"))
        files = [BUILT / f"{name}.wasm" for name in EXAMPLES]
        if missing := [file.name for file in files if not file.exists()]:
            raise kit.Failed(f"{', '.join(missing)} are not built: `make test` or scripts/bench.sh builds them")
        chosen = kit.pathlib.Path(folder) / "chosen"
        chosen.mkdir()
        for file in files:
            shutil.copy(file, chosen)
        having = stack.enter_context(kit.Understudy(upstream, folder, name="with", env={"PLUGIN_DIR": str(chosen)}))
        hooks = {hook for plugin in kit.json.loads(having.get("/admin/plugins")) for hook in plugin["hooks"] if plugin["state"] == "active"}
        if len(hooks) != len(EXAMPLES):
            raise kit.Failed(f"the plugins have the hooks {sorted(hooks)}, expected {len(EXAMPLES)} of them")
        return {
            "busy": kit.in_turns(without, having, rounds, seconds, CONNECTIONS),
            "learned": learned(without, having, rounds, seconds),
        }


def learned(without, having, rounds, seconds):
    """The whole process until the last exchange is learned and on disk, at a rate at which nothing is shed."""
    rows = {server.name: [] for server in (without, having)}
    for turn in range(rounds):
        for server in (without, having) if turn % 2 else (having, without):
            shed = server.learner()["shed"]
            meter = kit.Meter(server)
            kit.open_loop(server, LEARNED_RATE, seconds)
            server.settle()
            if server.learner()["shed"] != shed:
                raise kit.Failed(f"exchanges were shed at {LEARNED_RATE} requests/s")
            rows[server.name].append({"cpu_us": sum(meter.read().values()) / (LEARNED_RATE * (seconds + 0.5))})
    return rows


def figures(result):
    rows = []
    for part, key, what in (("busy", "traffic_cpu_us", "request path"), ("learned", "cpu_us", "all learned, whole process")):
        without, having = (kit.best(result[part][name], key) for name in ("without", "with"))
        rows.append((f"CPU per request with a plugin at every hook, {what}", "at most 5 % more",
                     f"{having:.2f} µs, without {without:.2f} ({having / without - 1:+.1%})", having <= 1.05 * without))
    return rows


def control(result):
    """Movement of the server without plugins."""
    return kit.movement([row["traffic_cpu_us"] for row in result["busy"]["without"]])
