"""Clients that send nothing, take nothing, or are told half; expected is what WSGI (PEP 3333) says."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from gis_service.web.patience import Patience, end_when_nothing_is_taken
from gis_service.web.server import THREADS
from tests.live import LiveEngine

_HEAD = (
    "POST /v1/outage-impact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: 100\r\n\r\n"
)


class Heard:
    """What a server is told by `start_response`."""

    status = ""

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self.status, self.headers = status, headers


class Held:
    """A body that comes when it is let go."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()

    def read(self, length: int) -> bytes:
        self.asked.set()
        assert self.go.wait(30)
        return b"x" * length


class Ready:
    """A body that is there."""

    def read(self, length: int) -> bytes:
        return b"y" * length


def asked(source: Any) -> dict[str, Any]:
    return {"PATH_INFO": "/v1/trace", "CONTENT_LENGTH": "3", "wsgi.input": source}


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


def lines(pieces: Iterable[bytes], media_type: str) -> Any:
    def answer(_environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", media_type)])
        return iter(pieces)

    return answer


def breaking() -> Iterator[bytes]:
    yield b"first\r\n"
    raise ConnectionError("the database is gone")


def test_a_body_that_is_waited_for_takes_no_place() -> None:
    door = Patience(echo, places=1)
    held = Held()
    waiting = threading.Thread(target=door, args=(asked(held), Heard()))
    waiting.start()
    assert held.asked.wait(10)
    assert b"".join(door(asked(Ready()), Heard())) == b"yyy"
    held.go.set()
    waiting.join()


def test_as_many_long_answers_as_there_are_places_are_sent_and_no_more() -> None:
    door = Patience(lines([b"a", b"b"], "text/csv"), places=2)
    heard = Heard()
    environ = {"PATH_INFO": "/v1/outage-impact"}
    under_way = [door(environ, heard) for _ in range(2)]
    refused = json.loads(b"".join(door(environ, heard)))
    assert heard.status == "503 Service Unavailable"
    assert dict(heard.headers)["Retry-After"]
    assert "2 long answers are being sent" in refused["detail"]
    assert b"".join(under_way[0]) == b"ab"  # one is through
    third = door(environ, heard)
    assert heard.status == "200 OK"
    for one in (third, under_way[1]):  # and these clients go away
        one.close()  # type: ignore[attr-defined]  # as PEP 3333 asks of servers
    assert [b"".join(door(environ, heard)) for _ in range(5)] == [b"ab"] * 5


def test_a_list_that_breaks_off_says_so_in_its_last_line(caplog: pytest.LogCaptureFixture) -> None:
    """The server closes the chunks in order, so a shorter list would look whole."""
    environ = {"PATH_INFO": "/v1/outage-impact"}
    csv = b"".join(Patience(lines(breaking(), "text/csv; charset=utf-8"), places=2)(environ, Heard()))
    assert csv == b'first\r\n"this answer broke off and is not whole; ask again"\r\n'
    ndjson = b"".join(Patience(lines(breaking(), "application/x-ndjson"), places=2)(environ, Heard()))
    assert set(json.loads(ndjson.splitlines()[-1])) == {"broken_off"}
    plain = b"".join(Patience(lines(breaking(), "application/json"), places=2)(environ, Heard()))
    assert plain == b"first\r\n"  # JSON that is not closed is none
    assert len(caplog.records) == 3


def test_a_client_that_takes_nothing_is_cut_off() -> None:
    """The system's word, on a connection of this process: what is not taken for half a second ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        port = listening.getsockname()[1]
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        serving, _ = listening.accept()
        with serving:
            end_when_nothing_is_taken(port, still_s=0.5)
            with pytest.raises(TimeoutError, match="Connection timed out"):
                serving.sendall(b"x" * 10_000_000)
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 500


def test_bodies_that_never_come_do_not_stop_the_engine(drawn_engine: LiveEngine) -> None:
    """Twice as many as it answers questions at a time."""
    with ExitStack() as open_sockets:
        for _ in range(2 * THREADS):
            one = open_sockets.enter_context(socket.create_connection(("127.0.0.1", drawn_engine.port)))
            one.sendall(_HEAD.encode() + b"{")
        for _ in range(5):
            answer = drawn_engine.post("/v1/outage-impact", {"out": ["L1"], "include": []}, timeout=20)
            assert answer.json()["affected"]["customers"] == 5
