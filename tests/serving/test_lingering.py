"""Who is answered for the last time while still sending reads that answer whole (RFC 9112, section 9.6).

A client sends all it has before it reads, as most do: `sendall` fails where the server resets the connection.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from serving.ending import MOST_LINGERED
from tests.serving.small_application import MOST_BODY
from tests.serving.small_server import SmallServer, small_server
from tests.serving.watched import read_all, resources, settles

MEGABYTES = 3 * (1 << 20)
ROOM_OF_SOCKETS = 12 << 20
"""Bytes that the sockets of both sides may hold, with a bound of 4 and 6 MiB as Linux has them."""

LONG = {
    "a request line": (431, b"GET /" + b"x" * MEGABYTES),
    "header fields": (431, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Long: yyyyyyyy\r\n" * (MEGABYTES // 18)),
    "no HTTP": (400, b"nonsense\r\n\r\n" + b"z" * MEGABYTES),
    "a body behind the last answer": (
        413,
        b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % MEGABYTES
        + bytes(MEGABYTES),
    ),
    "a body of twice what is read": (
        413,
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (3 * MEGABYTES)
        + bytes(3 * MEGABYTES),
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallServer]:
    with small_server(tmp_path_factory.mktemp("small")) as running:
        yield running


def send_for_ever(one: socket.socket) -> int:
    """How many bytes go through until the connection ends."""
    sent = 0
    with suppress(ConnectionError):
        while sent < 10 * MOST_LINGERED:
            sent += one.send(bytes(1 << 18))
    return sent


@pytest.mark.parametrize("what", LONG)
def test_a_client_that_sends_megabytes_reads_why_they_are_refused(server: SmallServer, what: str) -> None:
    status, text = LONG[what]
    assert MOST_BODY < MEGABYTES < MOST_LINGERED
    with server.connect() as one:
        one.sendall(text)
        head, _, content = read_all(one).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-length: %d" % len(content) in head.lower()
    assert content == b"refused" if status == 413 else json.loads(content)["status"] == status


@pytest.mark.parametrize("what", LONG)
def test_a_client_that_sends_for_ever_is_cut_off(server: SmallServer, what: str) -> None:
    with server.connect() as one:
        with suppress(ConnectionError):
            one.sendall(LONG[what][1])
        assert send_for_ever(one) < MOST_LINGERED + ROOM_OF_SOCKETS
    assert server.get("/environ")[0] == 200


def test_what_comes_behind_a_refusal_is_no_request(server: SmallServer) -> None:
    with server.connect() as one:
        one.sendall(b"nonsense\r\n\r\n")
        time.sleep(0.1)
        one.sendall(b"POST /tick?behind HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert read_all(one).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("pause_s", [0.2, 30.0])
def test_a_client_that_goes_on_slowly_or_not_at_all_is_cut_off(tmp_path: Path, pause_s: float) -> None:
    with small_server(tmp_path, LINGER_S=2.0, LINGER_STILL_S=1.0) as running, running.connect() as one:
        one.sendall(b"nonsense\r\n\r\n")
        assert read_all(one).startswith(b"HTTP/1.1 400")
        none = resources(running.child.pid).sockets

        def is_over() -> bool:
            if pause_s < 1:
                with suppress(ConnectionError):
                    one.send(b"x")
            return resources(running.child.pid).sockets < none

        settles(is_over, "its socket is closed", seconds=8)
