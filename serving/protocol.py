"""uvicorn's HTTP/1.1 protocol with three things more: answers given in the loop, bounds, what it waits for.

Parsing, framing, keep-alive and pipelining are uvicorn's and httptools'. A request that `quick` takes gets
its answer as soon as its last byte is there, without a task and a thread; every other goes on as uvicorn
has it. Written for the version of uvicorn in the locks: `tests/serving` notices where another one differs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import httptools

from serving.ending import Ending
from serving.heads import KnownHead
from serving.quick import Quick, QuickAnswer

log = logging.getLogger("serving")

MOST_HEAD = 1 << 16
"""Bytes of the target and the header fields of a request."""

MOST_PIPELINED = 32
"""Requests that a client may send ahead of their answers."""

_HEAD_END = b"\r\n\r\n"
_IN_A_ROW = 8


class Protocol(Ending):
    """One connection. A server makes a subclass that has the attributes of the class.

    Attributes
    ----------
    quick
        What may be answered in the loop; None for nothing.
    most_message
        Bytes of a whole request, body and all; who sends more is cut off.
    """

    quick: Quick | None = None
    most_message: int

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._in_head = False
        self._in_a_row = 0
        self._fields: bytes | None = None  # of the quick answer, while its request comes
        self._body: list[bytes] = []
        self._due: bytes | None = None  # the body of a request that is to be answered in the loop
        self._unparsed: bytes | None = None  # all of it, where its head was known
        self._offered = 0  # bytes to come of a body behind an offer of another protocol

    # --- what the loop calls

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.heard = self.watch.now
        if self.lingers:
            self.throw_away(data)
            return
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
                self._cut_off()

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

    def make_due(self) -> QuickAnswer | None:
        """Answer the request that is there, for `write_due`; None where a thread is to answer it."""
        assert self.quick is not None
        assert self._fields is not None
        assert self._due is not None
        if self.watch.memory.tight:  # by answers to those who came at the same time
            return None
        try:
            return self.quick.answer(self.url, self._fields, self._due)
        except Exception:
            log.exception("a request could not be answered in the loop, a thread tries it")
            return None

    def write_due(self, answer: QuickAnswer | None) -> None:
        """Send the answer, or let a thread make one."""
        body, self._due, self._fields = self._due, None, None
        unparsed = self._unparsed
        if self.gone:
            return
        if answer is None and unparsed is not None:
            self._parse(unparsed)
        elif answer is None:
            self._go_on()
            super().on_body(body or b"")
            super().on_message_complete()
        else:
            self._in_a_row += 1
            self.put(*answer)
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

    def _is_free(self) -> bool:
        """Whether an answer may be written at once: none is before it, and the client takes what it gets."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self._in_a_row < _IN_A_ROW
            and not self.watch.memory.tight
            and not self.gone
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

    def _cut_off(self) -> None:
        """Take no more of a request that does not end; who was answered is to read that."""
        if self.cycle is not None and self.cycle.response_complete:
            self.linger()
        else:
            self.break_off()


def _length(fields: Sequence[tuple[bytes, bytes]]) -> int:
    return next((int(value) for name, value in fields if name == b"content-length"), 0)
