"""What it takes while nothing happens: resident memory at the start, and per idle keep-alive connection."""

import contextlib
import socket
import time

import kit

CONNECTIONS = 5000
# For what a start leaves behind to be done with.
REST_S = 2


def measure(folder, rounds, seconds):
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(kit.static())
        ours = stack.enter_context(kit.Understudy(upstream, folder))
        time.sleep(REST_S)
        idle = ours.rss_bytes()
        # What is allocated once, for the first requests at all, is no connection's.
        kit.wrk(ours, 1, 64)
        ours.settle()
        time.sleep(REST_S)
        warm = ours.rss_bytes()
        sockets = [stack.enter_context(ask_once(ours)) for _ in range(CONNECTIONS)]
        ours.settle()
        time.sleep(REST_S)
        return {"idle_bytes": idle, "warm_bytes": warm, "connected_bytes": ours.rss_bytes(), "connections": len(sockets)}


def ask_once(server):
    """A connection that has had one answer and stays open."""
    connection = socket.create_connection((kit.HOST, server.port))
    connection.sendall(b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while len(answer) < 1024:
        piece = connection.recv(65536)
        if not piece:
            raise kit.Failed(f"{server.name} closed a connection: {answer[:200]!r}")
        answer += piece
    return connection


def figures(result):
    idle_mib = result["idle_bytes"] / 2**20
    each_kib = (result["connected_bytes"] - result["warm_bytes"]) / result["connections"] / 2**10
    return [
        ("resident memory after the start", "at most 30 MiB", f"{idle_mib:.1f} MiB", idle_mib <= 30),
        (f"… per idle connection, {CONNECTIONS} of them", "at most 20 KiB", f"{each_kib:.1f} KiB", each_kib <= 20),
    ]


def control(_):
    return 0.0
