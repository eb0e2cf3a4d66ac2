"""A small WSGI application behind the real server: `python -m tests.serving.small_application NAME=SECONDS`.

Prints its port. Arguments set the times of `serving.watching`, so that tests need not wait for minutes.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from serving import watching
from serving.quick import Fields, QuickAnswer
from serving.server import Service, listen, serve

MOST_BODY = 1 << 20
LONG_PIECES, PIECE = 400, b"0123456789abcdef" * 4096
"""What `/long` sends: 26 MB, more than the sockets of both sides hold."""

_closed = 0
_started = threading.Event()


class Numbers:
    """A long answer that counts when nobody asks for more of it."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self._breaks_after = breaks_after

    def __iter__(self) -> Iterator[bytes]:
        for k in range(LONG_PIECES):
            if k == self._breaks_after:
                raise ConnectionError("what the answer is made of is gone")
            yield b"%08d" % k + PIECE

    def close(self) -> None:
        global _closed
        _closed += 1


class Ticks:
    """An answer of events: one for each that is asked for at `/tick`."""

    pause_s, idle = 0.2, b": idle\n"

    def __init__(self) -> None:
        self._at = len(TICKS)

    def told(self) -> list[bytes] | None:
        found = TICKS[self._at :]
        self._at += len(found)
        return None if b"end" in found else [b"tick %b\n" % one for one in found]

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        WOKEN.append(wake)
        return lambda: WOKEN.remove(wake)


TICKS: list[bytes] = []
WOKEN: list[Callable[[], None]] = []


class Events:
    """An answer that has `waiting`."""

    def __init__(self) -> None:
        self.waiting = Ticks()

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("a thread would wait")


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers at a few paths."""
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    body = environ["wsgi.input"].read()
    kind = [("Content-Type", "text/plain")]
    if path == "/environ":
        start_response("200 OK", [("Content-Type", "application/json")])
        told = {name: value for name, value in environ.items() if isinstance(value, str)}
        return [orjson.dumps(told | {"body": body.decode("latin-1")})]
    if path == "/long":
        start_response("200 OK", kind)
        return Numbers()
    if path == "/breaks":
        start_response("200 OK", kind)
        return Numbers(breaks_after=20)
    if path == "/closed":
        start_response("200 OK", kind)
        return [b"%d" % _closed]
    if path == "/big":
        start_response("200 OK", kind)
        return [bytes(int(query))]
    if path == "/sleep":
        _started.set()
        time.sleep(float(query))
        start_response("200 OK", kind)
        return [b"slept"]
    if path == "/events":
        start_response("200 OK", kind)
        return Events()
    if path == "/tick":
        TICKS.append(query.encode())
        for wake in [*WOKEN]:
            wake()
        start_response("204 No Content", [])
        return []
    if path == "/fails":
        raise ValueError("an application that fails")
    length = environ.get("CONTENT_LENGTH")
    if not length or int(length) > MOST_BODY:
        start_response("413 Too Large" if length else "411 Length Required", kind)
        return [b"refused"]
    start_response("200 OK", kind)
    return [b"%d %b" % (len(body), body[:100])]


class QuickEcho:
    """Answers `/quick` in the loop: what it was sent, unless that asks for a thread or a number of bytes."""

    targets = frozenset({b"/quick"})

    def fields_of(self, method: bytes, target: bytes, fields: Fields) -> bytes | None:
        return b"content-type: text/quick\r\n" if method == b"POST" else None

    def answer(self, target: bytes, fields: bytes, body: bytes) -> QuickAnswer | None:
        if body == b"fail":
            raise ValueError("a quick answer that fails")
        if body.startswith(b"bytes "):
            return QuickAnswer(200, fields, [b"x" * int(body[6:])])
        return None if body == b"thread" else QuickAnswer(200, fields, [b"quick ", body])


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        name, _, seconds = argument.partition("=")
        assert hasattr(watching, name)
        setattr(watching, name, float(seconds))
    listening = listen("127.0.0.1", 0)
    print(listening.getsockname()[1], flush=True)
    serve(
        Service(
            application=application,
            threads=4,
            most_body=MOST_BODY,
            quick=QuickEcho(),
            urgent=frozenset({"/closed"}),
        ),
        listening,
    )
