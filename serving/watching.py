"""Ends connections that stand still: one look a second at all of them, so that a request costs no timer.

A client may take its time, not forever: a request must come at a kilobyte a second after half a minute, an
answer must move within a minute, and an idle connection is closed after a little more. Who was refused and
goes on sending has half a minute to notice.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from serving.heads import Heads
from serving.memory import Memory

if TYPE_CHECKING:
    from serving.ending import Ending
    from serving.protocol import Protocol

LOOK_S = 1.0

REQUEST_S = 30.0
"""Seconds that any request may take to come."""

REQUEST_BYTES_S = 1000
"""Bytes a second at which a longer one must come, on average."""

STILL_S = 60.0
"""Seconds for which a client may take nothing of an answer."""

IDLE_S = 75.0
"""Seconds for which a connection may be idle."""

LINGER_S = 30.0
"""Seconds for which a client that was answered for the last time may go on sending."""

AT_ONCE = 32
"""Answers that are made one after another before any of them is sent, which is the memory they take."""

LINGER_STILL_S = 5.0
"""Seconds after which it is taken to have no more to send."""


class Watch:
    """Looks at all connections of a server.

    Parameters
    ----------
    memory
        Told how many bytes clients have not taken.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.connections: set[Ending] = set()
        self.now = time.monotonic()
        self.heads = Heads()
        self._due: list[Protocol] = []
        self.default_fields: tuple[object, bytes] = (None, b"")

    def is_due(self, one: Protocol) -> None:
        """A request of this connection is to be answered when all that came at the same time is read.

        Reading, answering and sending by turns, request by request, costs half as much again: every call of
        the system leaves the processor with little of what the next answer needs.
        """
        if not self._due:
            asyncio.get_running_loop().call_soon(self._answer)
        self._due.append(one)

    def _answer(self) -> None:
        # one that sent several at once stands there several times, its last request alone is due
        due = [one for one in dict.fromkeys(self._due) if one.due]
        self._due = due[AT_ONCE:]
        made = [(one, one.make_due()) for one in due[:AT_ONCE]]
        for one, answer in made:
            one.write_due(answer)
        if self._due:
            asyncio.get_running_loop().call_soon(self._answer)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.now = time.monotonic()
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Look once."""
        now, unsent = self.now, 0
        for one in list(self.connections):
            left = one.transport.get_write_buffer_size()
            unsent += left
            if not left or left != one.unsent:
                one.unsent, one.unsent_since = left, now
            elif now - one.unsent_since >= STILL_S:
                one.break_off()
                continue
            if one.lingers:
                if now - one.ended > LINGER_S or now - one.heard > LINGER_STILL_S:
                    one.transport.abort()
            elif one.receiving:
                # who may not send, because an answer is under way before, is not late
                took = now - one.began
                if not one.flow.read_paused and took > REQUEST_S + one.received / REQUEST_BYTES_S:
                    one.refuse(408, b"the request did not come in time")
            elif one.idle and not left and now - one.heard > IDLE_S:
                one.transport.close()
        self.memory.unsent = unsent
