"""The project file: what one writer stores and what the traffic beside it feels, how fast a server starts, and changes projects.

The writer is measured in `store_load` (an example of the server's crate), which is a whole server that can be told to store so many
exchanges a second. The other figures are the program's own: the time to the first proxied byte, with an empty project and with
one of 5,000 endpoints and a gigabyte, which lies in the page cache as it does when it was just written."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import kit

RATE, STORE_S = 30_000, 60
# Beside the writer: well below what the machine can do, so that waiting for a processor shows and a queue does not.
PROXIED_RATE, ALONE_S = 1_000, 30
# What `openloop` sends before it counts.
WARM_UP_S = 0.5
ENDPOINTS, FILE_BYTES = 5_000, 1 << 30
LOG_BYTES = 64 << 20
STARTS = SWITCHES = 5


class StoreLoad(kit.Server):
    """Stores what it is told on its standard input."""

    def __init__(self, upstream, folder):
        self.name, self.port = "store_load", kit.free_port()
        data = pathlib.Path(folder) / self.name
        data.mkdir()
        self.log = open(data / "log", "w+")
        program = os.environ.get("STORE_LOAD_BIN", kit.RELEASE / "examples" / "store_load")
        self.process = subprocess.Popen(
            [str(program), "serve"], env={**os.environ, **settings(upstream, self.port, data)}, cwd=data, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, start_new_session=True)
        self.wait_for_port()

    def begin(self, rate, seconds):
        self.process.stdin.write(f"{rate} {seconds}\n")
        self.process.stdin.flush()

    def done(self):
        return json.loads(self.process.stdout.readline())


def settings(upstream, port, data, project="bench.db"):
    return {
        "TARGET_URL": f"http://{kit.HOST}:{upstream.port}", "LISTEN_ADDR": f"{kit.HOST}:{port}", "DATA_DIR": str(data),
        "PLUGIN_DIR": str(pathlib.Path(data) / "plugins"), "DB_NAME": project, "LOG": "error",
    }


def measure(folder, rounds, seconds):
    folder = pathlib.Path(folder)
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(kit.static())
        stored = store(upstream, folder, min(rounds, 3))
        large = folder / "large"
        large.mkdir()
        program = os.environ.get("STORE_LOAD_BIN", kit.RELEASE / "examples" / "store_load")
        subprocess.run([str(program), "make", str(large / "large.db"), str(ENDPOINTS), str(FILE_BYTES)], check=True)
        return {"rounds": stored, "empty": empty_starts(upstream, folder), **large_starts(upstream, large)}


def store(upstream, folder, rounds):
    """Each round with the writer at work and without, in turns."""
    rows = []
    with StoreLoad(upstream, folder) as ours:
        kit.open_loop(ours, PROXIED_RATE, 3)
        for turn in range(rounds):
            row = {}
            for busy in (True, False) if turn % 2 else (False, True):
                meter = kit.Meter(ours)
                if busy:
                    ours.begin(RATE, STORE_S)
                # It begins and ends while the writer is at work.
                during = STORE_S - 2 if busy else ALONE_S
                latency = kit.open_loop(ours, PROXIED_RATE, during)
                if busy:
                    row["stored"] = ours.done()
                spent = meter.read()
                traffic = sum(us for name, us in spent.items() if name.startswith(kit.TRAFFIC_THREADS))
                word = "beside" if busy else "alone"
                row[word] = {**latency, "cpu_us": traffic / (PROXIED_RATE * (during + WARM_UP_S)),
                             "writer_s": spent.get("understudy-stor", 0) / 1e6}
            rows.append(row)
    return rows


def start(upstream, data, project):
    """The process, its port, and the seconds until a client had the first byte of an answer of the API's."""
    port = kit.free_port()
    binary = os.environ.get("UNDERSTUDY_BIN", kit.RELEASE / "understudy")
    began = time.monotonic()
    process = subprocess.Popen([str(binary), "serve"], env={**os.environ, **settings(upstream, port, data, project)}, cwd=data)
    while True:
        with contextlib.suppress(OSError, urllib.error.URLError):
            with urllib.request.urlopen(f"http://{kit.HOST}:{port}/items/7", timeout=30) as answer:
                answer.read(1)
                if answer.headers["x-understudy-source"] != "upstream":
                    raise kit.Failed(f"the first answer came from {answer.headers['x-understudy-source']}")
                return process, port, time.monotonic() - began
        if process.poll() is not None or time.monotonic() - began > kit.START_PATIENCE_S:
            raise kit.Failed(f"{binary} did not start on {data}")
        time.sleep(0.001)


def end(process, with_signal=signal.SIGTERM):
    process.send_signal(with_signal)
    process.wait(60)


def empty_starts(upstream, folder):
    times = []
    for number in range(STARTS):
        data = folder / f"empty-{number}"
        data.mkdir()
        process, _, seconds = start(upstream, data, "bench.db")
        end(process)
        times.append(seconds)
    return times


def large_starts(upstream, data):
    times, known = [], []
    for _ in range(STARTS):
        process, port, seconds = start(upstream, data, "large.db")
        times.append(seconds)
        began = time.monotonic()
        endpoints = json.loads(ask(port, "/admin/status"))["endpoints"]
        # What is asked here is learned, too.
        if endpoints < ENDPOINTS:
            raise kit.Failed(f"the project knows {endpoints} endpoints and not {ENDPOINTS}")
        known.append(seconds + time.monotonic() - began)
        end(process)
    # As after a crash.
    process, port, _ = start(upstream, data, "large.db")
    ask(port, "/admin/status")
    end(process, signal.SIGKILL)
    process, port, after_crash = start(upstream, data, "large.db")
    end(process)
    bytes_of_file = (data / "large.db").stat().st_size
    return {"large": times, "known": known, "after_crash": after_crash, "file_bytes": bytes_of_file,
            **switches(upstream, data)}


def ask(port, path, method="GET"):
    request = urllib.request.Request(f"http://{kit.HOST}:{port}{path}", method=method, data=b"{}" if method == "POST" else None,
                                     headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def switches(upstream, data):
    """From an empty project to the large one, until a request is the large one's; and back."""
    to_large, to_small = [], []
    shutil.rmtree(data / "plugins", ignore_errors=True)
    process, port, _ = start(upstream, data, "small.db")
    for _ in range(SWITCHES):
        for name, times in (("large", to_large), ("small", to_small)):
            began = time.monotonic()
            ask(port, f"/admin/projects/{name}/activate", "POST")
            ask(port, "/items/7")
            times.append(time.monotonic() - began)
            # The one that was left is closed before it is opened again.
            ask(port, "/admin/status")
            time.sleep(1)
    end(process)
    return {"to_large": to_large, "to_small": to_small}


def figures(result):
    rows = result["rounds"]
    stored = [row["stored"] for row in rows]
    rate = max(row["per_second"] for row in stored)
    log = max(row["log_bytes"] for row in stored)
    p99 = [min(row[word]["p99"] for row in rows) for word in ("alone", "beside")]
    cpu = [min(row[word]["cpu_us"] for row in rows) for word in ("alone", "beside")]
    more = [beside / alone - 1 for alone, beside in (p99, cpu)]
    writer = min(row["beside"]["writer_s"] for row in rows) / STORE_S
    empty, large = min(result["empty"]), min(result["large"])
    slowest = max(min(result["to_large"]), min(result["to_small"]))
    return [
        (f"exchanges of 1 KB stored for {STORE_S} s", "at least 30,000/s", f"{rate:,.0f}/s, the writer busy for {writer:.0%}",
         rate >= RATE * 0.999),
        (f"… p99 of {PROXIED_RATE:,} proxied requests/s beside it", "at most +5 %",
         f"{p99[1] / 1000:.2f} ms, alone {p99[0] / 1000:.2f} ({more[0]:+.1%})", more[0] <= 0.05),
        ("… CPU per proxied request, threads that serve", "at most +5 %",
         f"{cpu[1]:.1f} µs, alone {cpu[0]:.1f} ({more[1]:+.1%})", more[1] <= 0.05),
        ("… write-ahead log, largest", "at most 64 MiB", f"{log / 2**20:.1f} MiB", log <= LOG_BYTES),
        ("start to the first proxied byte, empty", "at most 150 ms", f"{empty * 1000:.0f} ms", empty <= 0.15),
        (f"… {ENDPOINTS:,} endpoints, {result['file_bytes'] / 2**30:.2f} GiB", "at most 1 s",
         f"{large * 1000:.0f} ms; all known after {min(result['known']) * 1000:.0f} ms", large <= 1),
        ("… the same after a crash", "", f"{result['after_crash'] * 1000:.0f} ms", True),
        ("switch between that project and a small one", "at most 300 ms",
         f"{min(result['to_large']) * 1000:.0f} ms, back {min(result['to_small']) * 1000:.0f} ms", slowest <= 0.3),
    ]


def control(_):
    return 0.0
