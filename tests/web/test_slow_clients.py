"""Clients that send nothing, take nothing or go away: the engine answers others, and nothing of them is left.

Twelve times as many as it has threads. How each of these ends by itself is tested in `tests/serving`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import orjson
import pytest

from gis_service.network.text import parse_grid
from tests.drawn import package_of
from tests.grid_database import GridDatabase
from tests.live import LiveEngine, empty, load, running_engine
from tests.serving.watched import read_all, resources_of, settles

CLIENTS = 200
CROWD = 9_000
HEAD = b"POST /v1/outage-impact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LISTED = b'{"out":["S"],"include":["customers"]}'
ASKED = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(LISTED), LISTED)
STALLED = {
    "in the head": HEAD,
    "in the body": HEAD + b"Content-Length: 100\r\n\r\n{",
    "in a long body": HEAD + b"Content-Length: 4000000\r\n\r\n" + b" " * 100_000,
    "in a body for Django": HEAD.replace(b"outage-impact", b"trace") + b"Content-Length: 100\r\n\r\n{",
    "in a long answer": ASKED,
    "in CSV": HEAD + b"Accept: text/csv\r\nContent-Length: %d\r\n\r\n%b" % (len(LISTED), LISTED),
    "in features": b"GET /ogc/collections/customer_point/items?limit=9000 HTTP/1.1\r\n"
    b"Host: localhost\r\n\r\n",
}


@pytest.fixture(scope="module")
def crowded(
    migrated_database: GridDatabase,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: object,
) -> Iterator[LiveEngine]:
    """An engine of its own over a crowd whose list is longer than what sockets hold."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django gives it no type
        empty(migrated_database)
        lines = [f"C{k:05d} customer n1 kva=2" for k in range(CROWD)]
        load(package_of(parse_grid("\n".join(["@450101", "S source n1", *lines]))), replace=True)
        with running_engine(migrated_database.dsn, tmp_path_factory.mktemp("crowded")) as engine:
            yield engine
            assert "ERROR" not in engine.log_text()
            assert "Traceback" not in engine.log_text()


def stalled(engine: LiveEngine, stack: ExitStack, text: bytes) -> socket.socket:
    one = stack.enter_context(socket.socket())
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000)
    one.settimeout(30)
    one.connect(("127.0.0.1", engine.port))
    one.sendall(text)
    return one


@pytest.mark.parametrize("where", STALLED)
def test_two_hundred_clients_that_stall_stop_nobody(crowded: LiveEngine, where: str) -> None:
    before = resources_of(crowded)
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stalled(crowded, stack, STALLED[where])
        for _ in range(5):
            answer = crowded.ask("/v1/outage-impact", {"out": ["S"], "include": []})
            assert answer["affected"]["customers"] == CROWD
            assert crowded.ask("/v1/elements/C00001")["grid_version"]
            assert crowded.get("/readyz").status_code == 200
        long = crowded.ask("/v1/outage-impact", {"out": ["S"], "include": ["customers"]})
        assert len(long["customers"]) == CROWD
    settles(lambda: resources_of(crowded).sockets <= before.sockets + 2, "the connections are closed")
    assert resources_of(crowded).threads <= before.threads + 18


def test_an_answer_that_was_not_read_for_a_while_is_whole(crowded: LiveEngine) -> None:
    with ExitStack() as stack:
        one = stalled(crowded, stack, ASKED.replace(b"Host:", b"Connection: close\r\nHost:"))
        time.sleep(1)
        _, _, chunks = read_all(one).partition(b"\r\n\r\n")
    found = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        found, chunks = found + chunks[: int(size, 16)], chunks[int(size, 16) + 2 :]
    listed = orjson.loads(found)["customers"]
    assert [one["id"] for one in listed] == [f"C{k:05d}" for k in range(CROWD)]
