"""Clients that send nothing more, take nothing more, or go away: they stop nobody, and leave nothing behind.

Expected is what the kernel tells of the process before and after, and that others are answered as ever.
"""

from __future__ import annotations

import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.serving.small_application import MOST_BODY
from tests.serving.small_server import SmallServer, small_server
from tests.serving.test_http import LONG, one_answer, post
from tests.serving.watched import read_all, resources, settles

CLIENTS = 200
MOST_THREADS = 7  # four that answer, two that answer what is urgent, and the loop's
HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
STALLED = {
    "in the first line": b"POST /ec",
    "in a field": HEAD + b"Content-Le",
    "before the body": HEAD + b"Content-Length: 100\r\n\r\n",
    "in the body": HEAD + b"Content-Length: 100\r\n\r\nx",
    "in a long body": HEAD + b"Content-Length: 1000000\r\n\r\n" + bytes(300_000),
    "in a quick body": b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx",
    "in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nx",
    "in a long answer": b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n",
    "in a whole answer": b"GET /big?2000000 HTTP/1.1\r\nHost: x\r\n\r\n",
    "in an answer behind others": b"GET /big?100000 HTTP/1.1\r\nHost: x\r\n\r\n" * 30,
    "in events": b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmallServer]:
    with small_server(tmp_path) as running:
        yield running


def stall(server: SmallServer, stack: ExitStack, text: bytes) -> socket.socket:
    one = stack.enter_context(server.connect(room=20_000))
    one.sendall(text)
    return one


@pytest.mark.parametrize("where", STALLED)
def test_two_hundred_clients_that_stall_stop_nobody(server: SmallServer, where: str) -> None:
    """Four threads answer here; each of these clients would hold one."""
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stall(server, stack, STALLED[where])
        for k in range(30):
            assert server.get("/environ")[0] == 200
            with server.connect() as one:
                one.sendall(post(b"/quick", b"%d" % k))
                assert one_answer(one) == b"quick %d" % k


def test_stalled_answers_go_on_when_they_are_read(server: SmallServer) -> None:
    with ExitStack() as stack:
        text = b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        stalled = [stall(server, stack, text) for _ in range(20)]
        time.sleep(1)
        for one in stalled[::7]:
            answer = read_all(one)
            assert answer.endswith(b"\r\n0\r\n\r\n")
            assert len(answer) > len(LONG)


def test_what_stalled_clients_hold_of_memory_is_bounded(server: SmallServer) -> None:
    """Two hundred times 26 MB and as many answers of 8 MB would be 7 GB."""
    before = resources(server.child.pid).resident
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stall(server, stack, STALLED["in a long answer"])
        for _ in range(CLIENTS):
            stall(server, stack, b"GET /big?8000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        settles(lambda: server.get("/environ")[0] == 200, "others are answered")
        time.sleep(1)
        assert resources(server.child.pid).resident - before < 1 << 30
        assert server.get("/big?8000000")[0] == 503  # there is no more room
    settles(lambda: server.get("/big?8000000")[0] == 200, "there is room again")


@contextmanager
def asked_at_once(
    server: SmallServer, bodies: list[bytes], room: int | None = None
) -> Iterator[list[socket.socket]]:
    """Clients whose requests the server finds all at the same time."""
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect(room=room)) for _ in bodies]
        settles(lambda: server.get("/environ")[0] == 200, "all are connected")
        server.child.send_signal(signal.SIGSTOP)
        for one, body in zip(clients, bodies, strict=True):
            one.sendall(post(b"/quick", body))
        server.child.send_signal(signal.SIGCONT)
        yield clients


def test_all_who_ask_at_once_are_answered(server: SmallServer) -> None:
    with asked_at_once(server, [b"%d" % k for k in range(CLIENTS)]) as clients:
        for k, one in enumerate(clients):
            assert one_answer(one) == b"quick %d" % k


def test_what_quick_answers_hold_of_memory_is_bounded(server: SmallServer) -> None:
    """Two hundred times 8 MB at once would be 1.6 GB."""
    before = resources(server.child.pid).resident
    with asked_at_once(server, [b"bytes 8000000"] * CLIENTS, room=4096):
        time.sleep(1)
        assert resources(server.child.pid).resident - before < 1 << 30
        with server.connect() as one:
            one.sendall(post(b"/quick", b"still there"))
            assert one_answer(one) == b"11 still there"  # by a thread, as long as memory is tight


def test_clients_that_go_away_anywhere_leave_nothing_behind(server: SmallServer) -> None:
    draw = random.Random(5)
    texts = [
        *STALLED.values(),
        b"GET /sleep?0.02 HTTP/1.1\r\nHost: x\r\n\r\n",
        post(b"/echo", b"x" * MOST_BODY),
    ]

    def come_and_go(number: int) -> None:
        for _ in range(number):
            with server.connect(room=20_000) as one, suppress(ConnectionError):
                text = draw.choice(texts)
                one.sendall(text[: draw.randrange(1, len(text) + 1)])
                if draw.random() < 0.5:
                    one.settimeout(draw.random() * 0.05)
                    with suppress(TimeoutError):
                        one.recv(draw.randrange(1, 100_000))
                if draw.random() < 0.5:  # a reset instead of an end
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    come_and_go(300)  # what is kept for reuse is there now
    settles(lambda: resources(server.child.pid).sockets < 12, "the connections are closed")
    before = resources(server.child.pid)
    come_and_go(1500)
    settles(lambda: resources(server.child.pid).sockets <= before.sockets, "the connections are closed")
    after = resources(server.child.pid)
    assert after.threads <= MOST_THREADS
    assert after.resident - before.resident < 40_000_000
    assert server.get("/environ")[0] == 200
    assert "Traceback" not in server.log.read_text()


def test_every_long_answer_is_closed_when_its_client_goes(server: SmallServer) -> None:
    with ExitStack() as stack:
        for _ in range(30):
            stall(server, stack, STALLED["in a long answer"]).recv(1)
    settles(lambda: server.get("/closed")[1] == b"30", "all are closed")


TIMES = {"REQUEST_S": 1.0, "STILL_S": 1.5, "IDLE_S": 2.0}


@pytest.mark.parametrize("where", [name for name in STALLED if name != "in events"])
def test_a_client_that_stalls_for_too_long_is_cut_off(tmp_path: Path, where: str) -> None:
    with small_server(tmp_path, **TIMES) as server, ExitStack() as stack:
        assert server.get("/environ")[0] == 200  # the sockets of its loop are there
        none = resources(server.child.pid).sockets
        # 300,000 bytes may take five minutes, at a kilobyte a second
        text = STALLED[where].replace(bytes(300_000), bytes(100))
        stalled = [stall(server, stack, text) for _ in range(20)]
        stalled.append(stall(server, stack, b""))  # never begins
        stalled.append(stall(server, stack, post(b"/quick", b"once")))  # and goes no further
        listening = stall(server, stack, STALLED["in events"])
        settles(lambda: resources(server.child.pid).sockets > none + 20, "they are connected")
        settles(lambda: resources(server.child.pid).sockets <= none + 1, "they are cut off")
        listening.setblocking(False)
        heard = b""
        with suppress(BlockingIOError):
            while piece := listening.recv(1000):
                heard += piece
        assert heard.count(b": idle") >= 3  # who listens is not cut off


def test_a_request_that_did_not_come_in_time_is_told_so(tmp_path: Path) -> None:
    with small_server(tmp_path, **TIMES) as server, server.connect() as one:
        one.sendall(STALLED["in a field"])
        assert read_all(one).startswith(b"HTTP/1.1 408")


def test_a_slow_client_has_its_time(tmp_path: Path) -> None:
    """Half again as long as half a minute would be, at more than a kilobyte a second."""
    with small_server(tmp_path, **TIMES) as server, server.connect() as one:
        one.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10000\r\n\r\n")
        for _ in range(10):
            time.sleep(0.25)
            one.sendall(bytes(1000))
        assert b"10000 " in read_all(one)
