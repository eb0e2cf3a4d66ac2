"""How a connection ends: closed, refused, broken off, or closed while its client is still sending.

A system that closes a socket with bytes in it that nobody has read tells the other side so at once (RST), and
a client that is still sending may lose the answer for it. So whoever is answered before all of a request came
gets the answer and the end of our side, and what it still sends is read and thrown away, for a bounded time
and number of bytes (RFC 9112, section 9.6).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.memory import UNCOUNTED
from serving.watching import Watch

MOST_LINGERED = 1 << 24
"""Bytes that are thrown away behind a last answer; who sends more is cut off."""

_AT_ONCE = struct.pack("ii", 1, 0)
_JOINED_BYTES = 1 << 14


class Ending(HttpToolsProtocol):
    """uvicorn's connection, with more ways to end, and with what a `Watch` asks of it.

    Attributes
    ----------
    watch
        Ends connections that stand still; of the class.
    lingers
        Whether the last answer was given and what comes is thrown away, since `ended`.
    """

    watch: Watch

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.heard = self.began = self.ended = self.watch.now
        self.receiving = False  # a request has begun and is not there yet
        self.received = 0
        """Bytes of it, but for the first ones."""
        self.unsent = 0  # bytes, when the watch looked last
        self.unsent_since = 0.0
        self.lingers = False
        self._thrown_away = 0
        self._running: RequestResponseCycle | None = None
        self._for_cycles: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.watch.connections.add(self)
        # all that an answer of uvicorn's does with it; who is answered last may be sending still
        self._for_cycles = SimpleNamespace(
            write=self.transport.write, is_closing=self.transport.is_closing, close=self.end
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.watch.connections.discard(self)
        super().connection_lost(exc)
        self.abandon()
        self._for_cycles = None

    def on_response_complete(self) -> None:
        """An answer of uvicorn's is through; behind the last one there is none."""
        if self.lingers:
            self.pipeline.clear()
        super().on_response_complete()

    @property
    def gone(self) -> bool:
        """Whether nobody takes an answer any more."""
        return self.lingers or bool(self.transport.is_closing())

    @property
    def idle(self) -> bool:
        """Whether neither a request nor an answer is under way."""
        return not self.receiving and (self.cycle is None or self.cycle.response_complete)

    def end(self) -> None:
        """End the connection behind what was written to it, whether or not its client is still sending."""
        if self.receiving:
            self.linger()
        else:
            self.transport.close()

    def linger(self) -> None:
        """End our side behind what was written; what still comes is thrown away until the client ends its."""
        if self.gone:
            return
        self.lingers, self.ended, self.receiving = True, self.watch.now, False
        self.transport.write_eof()
        self.flow.resume_reading()

    def throw_away(self, data: bytes) -> None:
        """Take what comes behind the last answer."""
        self._thrown_away += len(data)
        if self._thrown_away > MOST_LINGERED:
            self.transport.abort()

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
        if self.gone:
            return
        if self.cycle is not None and not self.cycle.response_complete:  # an answer is under way, or to come
            self.transport.close()
            return
        content = b'{"type":"about:blank","status":%d,"detail":"%b"}' % (status, why)
        self.put(status, b"content-type: application/problem+json\r\nconnection: close\r\n", [content])
        self.linger()

    def put(self, status: int, fields: bytes, pieces: Sequence[bytes]) -> None:
        """Write a whole answer; see `serving.quick.QuickAnswer`."""
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
        if size > UNCOUNTED:  # the watch would see what is left of it within a second, which may be late
            self.watch.memory.unsent += self.transport.get_write_buffer_size()
        self.server_state.total_requests += 1

    def _default_fields(self) -> bytes:
        """What uvicorn puts on every answer; made anew when it makes the list anew, once a second."""
        fields = self.server_state.default_headers
        made_of, text = self.watch.default_fields
        if made_of is not fields:
            text = b"".join(b"%b: %b\r\n" % one for one in fields)
            self.watch.default_fields = fields, text
        return text

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        cycle.transport = self._for_cycles
        super()._start_asgi_task(cycle, app)
