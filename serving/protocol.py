"""uvicorn's HTTP/1.1 protocol with three things more: answers given in the loop, bounds, what it waits for.

Parsing, framing, keep-alive and pipelining are uvicorn's and httptools'. A request that `quick` takes gets
its answer as soon as its last byte is there, without a task and a thread; every other goes on as uvicorn
has it. Written for the version of uvicorn in the locks: `tests/serving` notices where another one differs.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Sequence
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.heads import KnownHead
from serving.quick import Quick, QuickAnswer
from serving.watching import Watch

log = logging.getLogger("serving")

MOST_HEAD = 1 << 16
"""Bytes of the target and the header fields of a request."""

MOST_PIPELINED = 32
"""Requests that a client may send ahead of their answers."""

_HEAD_END = b"\r\n\r\n"
_IN_A_ROW = 8
_AT_ONCE = struct.pack("ii", 1, 0)
_JOINED_BYTES = 1 << 14


class Protocol(HttpToolsProtocol):
    """One connection. A server makes a subclass that has the attributes of the class.

    Attributes
    ----------
    quick
        What may be answered in the loop; None for nothing.
    watch
        Ends connections that stand still.
    most_message
        Bytes of a whole request, body and all; who sends more is cut off.
    """

    quick: Quick | None = None
    watch: Watch
    most_message: int

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.heard = self.began = self.watch.now
        self.receiving = False  # a request has begun and is not there yet
        self.unsent = 0  # bytes, when the watch looked last
        self.unsent_since = 0.0
        self.received = 0
        """Bytes of it, but for the first ones."""
        self._in_head = False
        self._in_a_row = 0
        self._running: RequestResponseCycle | None = None
        self._fields: bytes | None = None  # of the quick answer, while its request comes
        self._body: list[bytes] = []
        self._due: bytes | None = None  # the body of a request that is to be answered in the loop
        self._unparsed: bytes | None = None  # all of it, where its head was known
        self._offered = 0  # bytes to come of a body behind an offer of another protocol

    # --- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)  # type: ignore[arg-type]  # as uvicorn has it
        self.watch.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.watch.connections.discard(self)
        super().connection_lost(exc)
        self.abandon()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.heard = self.watch.now
        self._in_a_row = 0
        self._unset_keepalive_if_required()
        if self._unparsed is not None:  # the parser must not see what comes behind it before
            self.write_due(self.make_due())
        between = not self.receiving and not self._offered and self._due is None
        if between and self._is_known(data):
            return
        self._parse(data)
        if between and self._due is not None:
            self._note(data, self._due)

    def _parse(self, data: bytes) -> None:
        if self._offered:
            data = self._take(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            rest = self._take(data[offer.args[0] :])
            if rest:
                self._parse(rest)
                return
        except httptools.HttpParserError:
            self.refuse(400, b"this is no HTTP request")
            return
        if self.receiving:
            self.received += len(data)
            if self._in_head:
                if self.received > MOST_HEAD:
                    self.refuse(431, b"the target and header fields of a request have 65,536 bytes at most")
            elif self.received > self.most_message:
                self.break_off()

    # --- what the parser calls

    def on_message_begin(self) -> None:
        """A request begins; uvicorn's part is done where it is not answered quickly."""
        if self._due is not None:  # the next request must not be answered before
            self.write_due(self.make_due())
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.receiving = self._in_head = True
        self.received = 0
        self.began = self.watch.now

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        quick = self.quick
        if (
            quick is not None
            and self.url in quick.targets
            and self._is_free()
            and not self.expect_100_continue
            and self.parser.should_keep_alive()
            and self.parser.get_http_version() == "1.1"
            and self._unparsed is None
        ):
            self._fields = quick.fields_of(self.parser.get_method(), self.url, self.headers)
            if self._fields is not None:
                self._body = []
                return
        self._go_on()

    def on_body(self, body: bytes) -> None:
        """Some of its body is there."""
        if self._fields is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """All of it is there, but for a body behind an offer of another protocol, which is left out."""
        if self.parser.should_upgrade():
            self._offered = _length(self.headers)
            if self._offered:
                return
        self._complete()

    def _complete(self) -> None:
        self.receiving = False
        if self._fields is None:
            super().on_message_complete()
            return
        self._due = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self.watch.is_due(self)

    def _take(self, data: bytes) -> bytes:
        """Take the body behind an offer, which is passed over (Java's client makes one); what comes after."""
        if self._offered:
            body, data = data[: self._offered], data[self._offered :]
            self._offered -= len(body)
            self.on_body(body)
            if not self._offered:
                self._complete()
        return data

    # --- what others call

    @property
    def gone(self) -> bool:
        """Whether nobody takes an answer any more."""
        return bool(self.transport.is_closing())

    @property
    def idle(self) -> bool:
        """Whether neither a request nor an answer is under way."""
        return not self.receiving and (self.cycle is None or self.cycle.response_complete)

    def break_off(self) -> None:
        """End the connection as it stands: what the system still holds for the client is let go as well."""
        held = self.transport.get_extra_info("socket")
        if held is not None and not self.transport.is_closing():
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()
        self.abandon()

    def abandon(self) -> None:
        """Nothing more is sent of the answer under way; uvicorn tells that to the last request alone."""
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()

    def leave_unread(self) -> None:
        """The body will not be read: a client that waits to be let send it is not asked for more."""
        if self._running is not None and self._running.waiting_for_100_continue:
            self._running.keep_alive = False

    def refuse(self, status: int, why: bytes) -> None:
        """Say why, and end the connection."""
        content = b'{"type":"about:blank","status":%d,"detail":"%b"}' % (status, why)
        fields = b"content-type: application/problem+json\r\nconnection: close\r\n"
        if self.cycle is None or self.cycle.response_complete:
            self._write(status, fields, [content])
        self.transport.close()

    def make_due(self) -> QuickAnswer | None:
        """Answer the request that is there, for `write_due`; None where a thread is to answer it."""
        assert self.quick is not None
        assert self._fields is not None
        assert self._due is not None
        try:
            return self.quick.answer(self.url, self._fields, self._due)
        except Exception:
            log.exception("a request could not be answered in the loop, a thread tries it")
            return None

    def write_due(self, answer: QuickAnswer | None) -> None:
        """Send the answer, or let a thread make one."""
        body, self._due, self._fields = self._due, None, None
        unparsed = self._unparsed
        if self.transport.is_closing():
            return
        if answer is None and unparsed is not None:
            self._parse(unparsed)
        elif answer is None:
            self._go_on()
            super().on_body(body or b"")
            super().on_message_complete()
        else:
            self._in_a_row += 1
            self._write(*answer)
        self._unparsed = None

    @property
    def due(self) -> bool:
        """Whether a request is there that is to be answered in the loop."""
        return self._due is not None

    def shutdown(self) -> None:
        """Take no more requests; what is there is answered."""
        if self._due is not None:
            self.write_due(self.make_due())
        super().shutdown()

    # --- inside

    def _is_known(self, data: bytes) -> bool:
        """Take a request whose head is, to the byte, one that was answered in the loop: no need to parse it.

        Clients send the same head over and over, and to take it apart costs more than most answers.
        """
        end = data.find(_HEAD_END)
        known = self.watch.heads.get(data[:end]) if end > 0 else None
        if known is None or len(data) - end - len(_HEAD_END) != known.length or not self._is_free():
            return False
        self.url, self._fields = known.target, known.fields
        self._unparsed, self._due = data, data[end + len(_HEAD_END) :]
        self.watch.is_due(self)
        return True

    def _note(self, data: bytes, body: bytes) -> None:
        """Remember the head of a request that is to be answered in the loop, if it is all that came."""
        end = data.find(_HEAD_END)
        if self._fields is not None and end + len(_HEAD_END) + len(body) == len(data):
            self.watch.heads.note(data[:end], KnownHead(self.url, self._fields, len(body)))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _is_free(self) -> bool:
        """Whether an answer may be written at once: none is before it, and the client takes what it gets."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self._in_a_row < _IN_A_ROW
            and not self.watch.memory.tight
            and not self.transport.is_closing()
        )

    def _go_on(self) -> None:
        """Let uvicorn begin with the request whose head is there."""
        target, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = target, headers, expects
        self.scope["headers"] = headers
        self.scope["extensions"] = {"connection": self}  # type: ignore[dict-item]  # it is not ASGI's
        super().on_headers_complete()
        if len(self.pipeline) > MOST_PIPELINED:
            self.break_off()

    def _write(self, status: int, fields: bytes, pieces: Sequence[bytes]) -> None:
        size = sum(map(len, pieces))
        head = b"%b%b%bcontent-length: %d\r\n\r\n" % (
            STATUS_LINE[status],
            self._default_fields(),
            fields,
            size,
        )
        if size <= _JOINED_BYTES:
            self.transport.write(b"".join([head, *pieces]))
        else:
            self.transport.writelines([head, *pieces])
        self.server_state.total_requests += 1

    def _default_fields(self) -> bytes:
        """What uvicorn puts on every answer; made anew when it makes the list anew, once a second."""
        fields = self.server_state.default_headers
        made_of, text = self.watch.default_fields
        if made_of is not fields:
            text = b"".join(b"%b: %b\r\n" % one for one in fields)
            self.watch.default_fields = fields, text
        return text


def _length(fields: Sequence[tuple[bytes, bytes]]) -> int:
    return next((int(value) for name, value in fields if name == b"content-length"), 0)
