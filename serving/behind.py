"""A WSGI application behind an event loop, as an ASGI application.

- A thread is taken when the body of a request is there, and given back when the answer, or its next piece, is
  there: clients that send or take slowly hold none.
- An answer that comes in pieces is asked for the next one when the client has taken those before.
- Answers that wait for events (`waiting`) hold no thread while nothing happens.
- What is held of bodies and answers is counted (`memory`); beyond it, requests are refused with 503.
- An answer that breaks off ends its connection, so that no client takes it for whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

from serving.asking import PIECE_BYTES, Application, Begun, Headers, begin, content_length
from serving.environment import environment
from serving.memory import UNCOUNTED, Memory
from serving.threads import Threads
from serving.waiting import Waiting

_STREAM_BYTES = 2 * PIECE_BYTES
_MOST_WHOLE = 1 << 26  # of an answer that is sent without chunks

log = logging.getLogger("serving")


class Connection(Protocol):
    """What the server tells of the connection of a request, beyond ASGI."""

    @property
    def gone(self) -> bool:
        """Whether nobody takes the answer any more."""

    def break_off(self) -> None:
        """End the connection as it stands."""

    def abandon(self) -> None:
        """Nothing more is sent of this answer."""

    def leave_unread(self) -> None:
        """The body of this request is not read."""


class Refusal(NamedTuple):
    """What is answered instead: status, header fields, content."""

    status: int
    headers: Headers
    content: bytes


class Behind:
    """Answers requests by a WSGI application.

    Parameters
    ----------
    application
        Called in a thread, its body in memory. An answer with an attribute `waiting` is one of events.
    threads, urgent_threads
        Those that answer; and those for `urgent` paths, which must be answered however much there is to do.
    urgent
        Paths.
    most_body
        Bytes of the longest body that is read; the application is asked without one that is longer, or of
        which no length is told, and is to refuse it.
    most_listeners
        Answers of events at a time.
    refuse
        Words a 503, given the path and a sentence that says why.
    """

    def __init__(
        self,
        application: Application,
        *,
        threads: Threads,
        urgent_threads: Threads,
        urgent: frozenset[str],
        memory: Memory,
        most_body: int,
        most_listeners: int,
        refuse: Callable[[str, str], Refusal],
    ) -> None:
        self._application = application
        self._threads = threads
        self._urgent_threads = urgent_threads
        self._urgent = urgent
        self._memory = memory
        self._most_body = most_body
        self._most_listeners = most_listeners
        self._listeners = 0
        self._refuse = refuse

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        connection: Connection = scope["extensions"]["connection"]

        async def tell(message: Any) -> None:
            if connection.gone:
                connection.abandon()
            await send(message)

        await self._read(scope, receive, tell, connection)

    async def _read(self, scope: Any, receive: Any, send: Any, connection: Connection) -> None:
        length = _length(scope)
        read = length is not None and length <= self._most_body
        held = length if read and length is not None and length > UNCOUNTED else 0
        if held and not self._memory.take(held):
            connection.leave_unread()
            await self._refused(
                scope,
                send,
                "as many long questions are being sent as there is memory for: ask again in a moment",
            )
            return
        try:
            body = await _body(receive) if read and length else b""
            if body is None:
                return
            if not read:
                connection.leave_unread()
            await self._answer(scope, receive, send, body, connection)
        finally:
            self._memory.give_back(held)

    async def _answer(self, scope: Any, receive: Any, send: Any, body: bytes, connection: Connection) -> None:
        threads = self._urgent_threads if scope["path"] in self._urgent else self._threads
        begun = await threads.put(partial(begin, self._application, environment(scope, body), connection))
        if begun is None:
            connection.abandon()
            return
        try:
            await self._send(scope, receive, send, begun, threads, connection)
        finally:
            if begun.rest is not None:
                threads.put(begun.rest.close)

    async def _send(
        self, scope: Any, receive: Any, send: Any, begun: Begun, threads: Threads, connection: Connection
    ) -> None:
        start = {"type": "http.response.start", "status": begun.status, "headers": begun.headers}
        if scope["method"] == "HEAD" or (begun.rest is None and len(begun.content) <= UNCOUNTED):
            await send(start)
            await send({"type": "http.response.body", "body": begun.content})
        elif begun.waiting is not None:
            await self._send_events(scope, receive, send, start, begun.waiting, threads)
        else:
            await self._send_long(scope, send, start, begun, threads, connection)

    async def _send_long(
        self, scope: Any, send: Any, start: Any, begun: Begun, threads: Threads, connection: Connection
    ) -> None:
        content, rest = begun.content, begun.rest
        old = rest is not None and scope["http_version"] == "1.0"  # which knows no chunks
        held = len(content) if rest is None else _MOST_WHOLE if old else _STREAM_BYTES
        if not self._memory.take(held):
            await self._refused(
                scope,
                send,
                "as many long answers are being sent as there is memory for: ask again in a moment",
            )
            return
        try:
            if rest is not None and old:
                whole = await threads.put(partial(rest.whole, content, _MOST_WHOLE))
                if whole is None:
                    await self._refused(scope, send, "this answer is too long for HTTP/1.0, use HTTP/1.1")
                    return
                content, rest = whole, None
                start["headers"] = [*start["headers"], content_length(content)]
            await send(start)
            while content:
                for first in range(0, len(content), PIECE_BYTES):
                    piece = content if len(content) <= PIECE_BYTES else content[first : first + PIECE_BYTES]
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                if rest is None or rest.ended or connection.gone:
                    break
                content = await threads.put(rest.next_piece)
            await send({"type": "http.response.body", "body": b""})
        except Exception:
            if not connection.gone:
                log.exception("an answer broke off while it was sent: %s", scope["path"])
            connection.break_off()
        finally:
            self._memory.give_back(held)

    async def _send_events(
        self, scope: Any, receive: Any, send: Any, start: Any, waiting: Waiting, threads: Threads
    ) -> None:
        if scope["http_version"] == "1.0":
            await self._refused(scope, send, "HTTP/1.0 hears no events, use HTTP/1.1")
            return
        if self._listeners >= self._most_listeners:
            why = f"{self._most_listeners:,} clients listen to events, and no more at a time"
            await self._refused(scope, send, f"{why}; ask again in a moment")
            return
        loop, moved = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(moved.set)

        self._listeners += 1
        gone = asyncio.ensure_future(_until_gone(receive, moved))
        unsubscribe = waiting.subscribe(wake)
        try:
            await send(start)
            while not gone.done():
                moved.clear()  # before looking: what happens meanwhile is not lost
                told = await threads.put(waiting.told)
                if told is None:
                    break
                content = b"".join(told)
                if not content and not await _set_within(moved, waiting.pause_s):
                    content = waiting.idle
                if content:
                    await send({"type": "http.response.body", "body": content, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            unsubscribe()
            gone.cancel()
            self._listeners -= 1

    async def _refused(self, scope: Any, send: Any, why: str) -> None:
        status, headers, content = self._refuse(scope["path"], why)
        log.info("refused with %d at %s: %s", status, scope["path"], why)
        headers = [*headers, content_length(content)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _length(scope: Any) -> int | None:
    """How long the body says it is, 0 where there is none; None where it says nothing, as chunks do."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)  # the parser refuses what is no number
        if name == b"transfer-encoding":
            return None
    return 0


async def _body(receive: Any) -> bytes | None:
    """The whole body; None where the client went away."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        pieces.append(message["body"])
        if not message["more_body"]:
            return b"".join(pieces) if len(pieces) > 1 else pieces[0]


async def _until_gone(receive: Any, moved: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    moved.set()


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
