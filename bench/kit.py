"""What every part needs: servers as child processes, their CPU and memory from /proc, load, and rounds."""

import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RELEASE = TARGET / "release"
HOST = "127.0.0.1"
START_PATIENCE_S = 60
# Threads of Understudy that serve requests; the others learn and store.
TRAFFIC_THREADS = ("tokio", "understudy-net")


class Failed(Exception):
    """A measurement that cannot be made, in words for the person who asked for it."""


class Server:
    """A process that listens on one port. Ends with the `with` block."""

    def __init__(self, name, command, port, env=None, cwd=None):
        self.name, self.port = name, port
        self.log = tempfile.NamedTemporaryFile("w+", prefix=f"bench-{name}-", suffix=".log")
        command = [str(part) for part in command]
        self.process = subprocess.Popen(
            command, env={**os.environ, **(env or {})}, cwd=cwd, stdout=self.log, stderr=subprocess.STDOUT,
            start_new_session=True)
        self.wait_for_port()

    def wait_for_port(self):
        end = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended at once: {pathlib.Path(self.log.name).read_text()[-2000:]}")
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return
            time.sleep(0.05)
        self.end()
        raise Failed(f"{self.name} did not listen on port {self.port} within {START_PATIENCE_S} s")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Its own process group, so that workers go with their master."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()

    def pids(self):
        """The process and everything it started."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    todo += map(int, (task / "children").read_text().split())
        return found

    def threads(self):
        """{(thread id, thread name): CPU time in ns} of the whole process group."""
        times = {}
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    with contextlib.suppress(OSError):
                        name = (task / "comm").read_text().strip()
                        # A thread is renamed after its start: the id alone tells it.
                        times[int(task.name)] = (name, int((task / "schedstat").read_text().split()[0]))
        return times

    def rss_bytes(self):
        pages = sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * os.sysconf("SC_PAGESIZE")

    def url(self, path="/"):
        return f"http://{HOST}:{self.port}{path}"

    def get(self, path="/", method="GET", body=None):
        headers = {"content-type": "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url(path), data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()


class Meter:
    """CPU time of a server's threads since the meter was made, by thread name, in microseconds."""

    def __init__(self, server):
        self.server, self.before = server, server.threads()

    def read(self):
        by_name = {}
        for tid, (name, ns) in self.server.threads().items():
            spent = ns - self.before.get(tid, (name, 0))[1]
            by_name[name] = by_name.get(name, 0) + spent / 1000
        return by_name


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def static():
    """One hyper answer of 1 KB: the upstream of every proxy, and what a mock answer is compared with."""
    port = free_port()
    return Server("static", [RELEASE / "reference", "static", f"{HOST}:{port}"], port)


def hyper_proxy(upstream):
    port = free_port()
    return Server("hyper", [RELEASE / "reference", "proxy", f"{HOST}:{port}", f"{HOST}:{upstream.port}"], port)


NGINX = """
daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log; worker_processes auto;
events {{ worker_connections 16384; }}
http {{
    access_log off; keepalive_requests 100000000;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    upstream api {{ server {host}:{upstream}; keepalive 512; keepalive_requests 100000000; }}
    server {{
        listen {host}:{port} backlog=1024;
        location / {{
            proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
        }}
    }}
}}
"""


def nginx(upstream, folder):
    """As many workers as cores, connections to upstream kept, the forwarding fields set that we set."""
    port = free_port()
    folder = pathlib.Path(folder) / "nginx"
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(dir=folder, host=HOST, port=port, upstream=upstream.port))
    return Server("nginx", ["nginx", "-c", config, "-p", folder, "-e", folder / "error.log"], port)


class Understudy(Server):
    def __init__(self, upstream, folder, name="understudy", env=None):
        port = free_port()
        data = pathlib.Path(folder) / name
        data.mkdir()
        settings = {
            "TARGET_URL": f"http://{HOST}:{upstream.port}", "LISTEN_ADDR": f"{HOST}:{port}", "DATA_DIR": str(data),
            "PLUGIN_DIR": str(data / "plugins"), "DB_NAME": "bench.db", "LOG": "warn",
        }
        binary = os.environ.get("UNDERSTUDY_BIN", RELEASE / "understudy")
        super().__init__(name, [binary, "serve"], port, env={**settings, **(env or {})}, cwd=data)

    def learner(self):
        return json.loads(self.get("/admin/status"))["learner"]

    def settle(self, patience_s=120):
        """Waits until everything offered is learned and stored."""
        end = time.monotonic() + patience_s
        while self.learner()["pending"]:
            if time.monotonic() > end:
                raise Failed(f"the learner had work left after {patience_s} s: {self.learner()}")
            time.sleep(0.1)


class Viewer:
    """Somebody who looks at the dashboard: a WebSocket that takes what the live feed sends."""

    def __init__(self, server):
        self.socket = socket.create_connection((HOST, server.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /admin/ws HTTP/1.1\r\nHost: {HOST}:{server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        answer = self.socket.recv(65536)
        if b" 101 " not in answer.split(b"\r\n")[0]:
            raise Failed(f"the live feed refused a viewer: {answer[:200]!r}")
        self.bytes = len(answer)
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        with contextlib.suppress(OSError):
            while data := self.socket.recv(1 << 16):
                self.bytes += len(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def wrk(server, seconds, connections):
    """Closed loop: every connection asks again as soon as it has its answer."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", ROOT / "bench/load.lua", server.url()]
    return load(server, command, allow_failed=False)


def open_loop(server, rate, seconds, connections=64):
    """Constant rate, whatever the server does."""
    command = [RELEASE / "openloop", f"{HOST}:{server.port}", "/items/7", rate, seconds, connections]
    return load(server, command)


def load(server, command, allow_failed=True):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{pathlib.Path(command[0]).name} on {server.name}: {done.stderr or done.stdout}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    if not allow_failed and result["failed"]:
        raise Failed(f"{server.name} failed {result['failed']} of {result['requests']} requests")
    return result


def in_turns(first, second, rounds, seconds, connections):
    """CPU per request of the traffic's threads and of the whole process, each server first in every other round."""
    rows = {server.name: [] for server in (first, second)}
    for server in (first, second):
        wrk(server, 1, connections)
    for turn in range(rounds):
        for server in (first, second) if turn % 2 else (second, first):
            meter = Meter(server)
            done = wrk(server, seconds, connections)
            spent = meter.read()
            traffic = sum(us for name, us in spent.items() if name.startswith(TRAFFIC_THREADS))
            rows[server.name].append({"traffic_cpu_us": traffic / done["requests"], "cpu_us": sum(spent.values()) / done["requests"]})
    return rows


def best(rows, key):
    return min(row[key] for row in rows)


def movement(values):
    """How far the middle of a control's values lies above its minimum: noise of the machine, as a share."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2] / ordered[0] - 1
