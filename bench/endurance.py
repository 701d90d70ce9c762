#!/usr/bin/env python3
"""What takes long or much: a gigabyte each way, events, and slowhttptest's thousand slow clients. By hand, not with `make bench`.

    endurance.py [--parts gigabyte,events,slow] [--seconds 20]

Prints a table. Exit code 0: every figure was reached; 1: one was missed; 2: it could not be measured.
Needs a release build (or UNDERSTUDY_BIN) and, for `slow`, `apt install slowhttptest`.
"""

import argparse
import contextlib
import re
import resource
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

import kit

GIB = 1 << 30
PIECE = bytes(1 << 18)
EVENTS = 500
SLOW_CLIENTS = 1000
PARTS = ("gigabyte", "events", "slow")
# slowhttptest's three modes, with the settings of its manual, all connections within a few seconds.
MODES = {
    "slow head (-H)": ["-H", "-i", "5", "-x", "24"],
    "slow body (-B)": ["-B", "-i", "5", "-s", "8192", "-x", "10"],
    "slow reading (-X)": ["-X", "-n", "5", "-w", "512", "-y", "1024", "-z", "32", "-k", "3"],
}


class Api(socketserver.BaseRequestHandler):
    """GET /down gives a gibibyte, POST /up takes what comes, /events gives events, all else a few kilobytes."""

    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            while self.answer():
                pass

    def answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.request.recv(65536)
            if not piece:
                return False
            data += piece
        head, rest = data.split(b"\r\n\r\n", 1)
        path = head.split(b" ")[1]
        if path == b"/down":
            self.request.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {GIB}\r\n\r\n".encode())
            for _ in range(GIB // len(PIECE)):
                self.request.sendall(PIECE)
            return True
        if path == b"/events":
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(EVENTS):
                time.sleep(0.004)
                event = b"data: %d\n\n" % time.monotonic_ns()
                self.request.sendall(b"%x\r\n%s\r\n" % (len(event), event))
            self.request.sendall(b"0\r\n\r\n")
            return True
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        left = int(length[1]) - len(rest) if length else 0
        buffer = bytearray(1 << 18)
        while left > 0:
            read = self.request.recv_into(buffer, min(left, len(buffer)))
            if not read:
                return False
            left -= read
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + bytes(4096))
        return True


class Upstream:
    """The API on a thread of its own."""

    def __init__(self):
        self.server = socketserver.ThreadingTCPServer((kit.HOST, 0), Api, bind_and_activate=False)
        self.server.daemon_threads = True
        self.server.request_queue_size = 1024
        self.server.server_bind()
        self.server.server_activate()
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()


class Watch(threading.Thread):
    """The most resident memory that a server had while it was watched."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.most, self.done = server, 0, threading.Event()

    def run(self):
        while not self.done.wait(0.05):
            self.most = max(self.most, self.server.rss_bytes())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()


def open_to(server):
    return socket.create_connection((kit.HOST, server.port), 60)


def request(server, head, body_pieces=0):
    """Sends one request and reads its answer to the end; the number of bytes of the answer."""
    total, buffer = 0, bytearray(1 << 18)
    with open_to(server) as connection:
        connection.sendall(head)
        for _ in range(body_pieces):
            connection.sendall(PIECE)
        while read := connection.recv_into(buffer):
            total += read
    return total


def gigabyte(server):
    down = b"GET /down HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    up = f"POST /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {GIB}\r\n\r\n".encode()
    small = b"GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    for _ in range(200):
        request(server, small)
    server.settle()
    time.sleep(2)
    found = []
    for name, head, pieces, least in (("down", down, 0, GIB), ("up", up, GIB // len(PIECE), 4096)):
        before = server.rss_bytes()
        with Watch(server) as watch:
            got = request(server, head, pieces)
        if got < least:
            raise kit.Failed(f"1 GiB {name}: only {got} bytes came back")
        grown = (watch.most - before) / 2**20
        found.append((f"resident memory, 1 GiB {name}", "grows at most 8 MiB", f"{grown:.1f} MiB", grown <= 8))
    return found


def events(server):
    delays, data = [], b""
    with open_to(server) as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        while len(delays) < EVENTS:
            piece = connection.recv(65536)
            now = time.monotonic_ns()
            if not piece:
                raise kit.Failed(f"the events ended after {len(delays)}")
            data += piece
            *whole, data = data.split(b"\n\n")
            delays += [(now - int(text.rsplit(b"data: ", 1)[1])) / 1e6 for text in whole]
    delays.sort()
    median, high, most = delays[EVENTS // 2], delays[EVENTS * 99 // 100], delays[-1]
    measured = f"median {median:.2f} ms, p99 {high:.2f} ms, longest {most:.2f} ms"
    return [(f"{EVENTS} events, from upstream's write to the client's read", "5 ms", measured, high <= 5)]


class Normal(threading.Thread):
    """A client that asks ten times a second, each time on a new connection, and gives up after five seconds."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.done, self.asked, self.failed, self.longest = server, threading.Event(), 0, 0, 0.0

    def run(self):
        while not self.done.wait(0.1):
            begun = time.monotonic()
            self.asked += 1
            try:
                with socket.create_connection((kit.HOST, self.server.port), 5) as connection:
                    connection.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    answer = b""
                    while piece := connection.recv(65536):
                        answer += piece
                self.failed += not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(bytes(4096)))
            except OSError:
                self.failed += 1
            self.longest = max(self.longest, time.monotonic() - begun)


def slow(server, seconds):
    if not shutil.which("slowhttptest"):
        raise kit.Failed("slowhttptest is not installed: apt install slowhttptest")
    found = []
    for name, options in MODES.items():
        normal = Normal(server)
        normal.start()
        command = ["slowhttptest", *options, "-c", str(SLOW_CLIENTS), "-r", "400", "-l", str(seconds), "-p", "5",
                   "-u", server.url("/small"), "-v", "1"]
        done = subprocess.run(command, capture_output=True, text=True)
        normal.done.set()
        normal.join()
        text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        available = re.findall(r"service available:\s*(\w+)", text)
        measured = (f"{normal.failed} of {normal.asked} failed, longest {normal.longest * 1000:.0f} ms; "
                    f"slowhttptest: service available: {', '.join(sorted(set(available))) or 'not said'}")
        found.append((f"normal client beside {SLOW_CLIENTS} of {name}", "0 failures", measured, normal.failed == 0))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=lambda text: text.split(","), default=PARTS)
    parser.add_argument("--seconds", type=int, default=20, help="of each of slowhttptest's modes")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    measures = {"gigabyte": gigabyte, "events": events, "slow": lambda server: slow(server, args.seconds)}
    found = []
    try:
        for part in args.parts:
            with tempfile.TemporaryDirectory(prefix="understudy-bench-") as folder, Upstream() as upstream:
                with kit.Understudy(upstream, folder) as server:
                    found += measures[part](server)
    except kit.Failed as failed:
        print(f"endurance: {failed}", file=sys.stderr)
        return 2
    print("| | asked | measured | |\n|---|---|---|---|")
    for name, asked, measured, reached in found:
        print(f"| {name} | {asked} | {measured} | {'reached' if reached else 'missed'} |")
    return 0 if all(row[3] for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
