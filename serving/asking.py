"""Asking a WSGI application for an answer, and for the rest of it piece by piece: what is done in threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from serving.environment import Environment
from serving.waiting import Waiting

Application = Callable[[Environment, Any], Iterable[bytes]]
Headers = list[tuple[bytes, bytes]]

PIECE_BYTES = 1 << 18
"""Bytes that are worth sending by themselves."""

PIECE_S = 0.25
"""Seconds after which what there is of a piece is sent, however little it is."""

_WITHOUT_CONTENT = (204, 304)


_READ_BY_UVICORN = frozenset({b"content-length", b"transfer-encoding", b"connection"})


class _Spelled(bytes):
    """The name of a header field that is sent with the capitals which the application gave it.

    uvicorn sends all names in lower case, and some clients look for `Content-Type` and nothing else, although
    RFC 9110, section 5.1, says that it is the same.
    """

    def lower(self) -> _Spelled:
        return self


class Client(Protocol):
    """Whom an answer is for."""

    @property
    def gone(self) -> bool:
        """Whether nobody takes the answer any more."""


class Begun(NamedTuple):
    """An answer of which the head is there: `content`, and if that is not all, `rest`."""

    status: int
    headers: Headers
    content: bytes
    rest: Rest | None = None
    waiting: Waiting | None = None


def begin(application: Application, environ: Environment, client: Client) -> Begun | None:
    """Ask the application; the answer as far as it is there at once. None where nobody waits any more."""
    if client.gone:
        return None
    told: list[tuple[int, Headers]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _fault: Any = None) -> None:
        fields = [(_name(name.encode("latin-1")), value.encode("latin-1")) for name, value in headers]
        told.append((int(status.split(" ", 1)[0]), fields))

    answer = application(environ, start_response)
    rest = Rest(answer)
    keep = False
    try:
        content, keep = rest.begin(head_alone=environ["REQUEST_METHOD"] == "HEAD")
    finally:
        if not keep:
            rest.close()
    status, headers = told[-1]
    if keep:
        return Begun(status, headers, content, rest, getattr(answer, "waiting", None))
    is_known = rest.ended and status not in _WITHOUT_CONTENT
    if is_known and not any(name.lower() == b"content-length" for name, _ in headers):
        headers.append(content_length(content))
    return Begun(status, headers, content)


class Rest:
    """What is left of an answer; asked in threads, by one at a time."""

    def __init__(self, answer: Iterable[bytes]) -> None:
        self._answer = answer
        self._pieces: Iterator[bytes] = iter(())
        self.ended = False

    def begin(self, *, head_alone: bool) -> tuple[bytes, bool]:
        """The first piece, and whether there may be more; all of an answer that is whole."""
        answer = self._answer
        if isinstance(answer, list | tuple) or not getattr(answer, "streaming", True):
            self.ended = True
            return b"".join(answer), False
        if head_alone:
            return b"", False
        if getattr(answer, "waiting", None) is not None:
            return b"", True
        self._pieces = iter(answer)
        content = self.next_piece()
        return content, not self.ended

    def next_piece(self) -> bytes:
        """What is worth sending; nothing at the end."""
        held: list[bytes] = []
        size, until = 0, time.monotonic() + PIECE_S
        for piece in self._pieces:
            held.append(piece)
            size += len(piece)
            if size >= PIECE_BYTES or (size and time.monotonic() > until):
                return b"".join(held)
        self.ended = True
        return b"".join(held)

    def whole(self, content: bytes, most: int) -> bytes | None:
        """All of the answer, whose beginning is known; None where it is longer than that."""
        held, size = [content], len(content)
        for piece in self._pieces:
            held.append(piece)
            size += len(piece)
            if size > most:
                return None
        self.ended = True
        return b"".join(held)

    def close(self) -> None:
        """Nobody asks for more."""
        close = getattr(self._answer, "close", None)
        if close is not None:
            close()


def _name(given: bytes) -> bytes:
    return given if given.lower() in _READ_BY_UVICORN else _Spelled(given)


def content_length(content: bytes) -> tuple[bytes, bytes]:
    """The header field that tells the length of a content."""
    return b"content-length", b"%d" % len(content)
