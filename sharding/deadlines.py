"""Deadlines of our own for work on a connection: one thread watches all of a pool's.

The deadline does not rely on the server: a frozen node answers neither `statement_timeout` nor a cancel
request, so after a moment of grace the socket is shut down here. psycopg2's own `cancel()` is never used: it
holds the interpreter's lock while it waits for the server.
"""

from __future__ import annotations

import heapq
import os
import socket
import threading
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import connection

GRACE_S = 1.0
_LATE = "the database did not answer within {:g} s"


class ShardingError(Exception):
    """Root of what this package raises on purpose."""


class Unreachable(ShardingError):
    """No connection could be had, or it broke while in use."""


class DeadlineExceeded(ShardingError):
    """The work was cut off because it took longer than its caller allows."""


class GivenUp(DeadlineExceeded):
    """The work was cut off because something that it relies on went away."""


class _Work:
    """Work on a connection; `done`, `expired` and `relies_on` change under the watch's lock."""

    def __init__(self, held: connection, late: str) -> None:
        self.held = held
        self.backend = held.info.backend_pid
        self.done = self.expired = False
        self.relies_on: set[Hashable] = set()
        self.failure = DeadlineExceeded(late)


class Watch:
    """Cuts connections off when their time is up, and says so instead of the driver's error.

    Work that ends in time costs a push on a heap: the thread sleeps until the first deadline it knew of, and
    ends where no work is left then.

    Parameters
    ----------
    parameters
        What `psycopg2.connect` takes by name; a cancel request needs a connection of its own.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, _Work]] = []
        self._count = 0
        self._wakes_at: float | None = None  # None: there is no thread
        self._at_work: dict[connection, _Work] = {}

    @contextmanager
    def within(self, held: connection, deadline_s: float | None) -> Iterator[None]:
        """Let the block use the connection for so long (None: as long as it takes).

        Raises
        ------
        DeadlineExceeded
            The time was up first; the connection is closed.
        Unreachable
            The connection was lost inside the block.
        """
        work = _Work(held, "" if deadline_s is None else _LATE.format(deadline_s))
        with self._changed:
            self._at_work[held] = work
        if deadline_s is not None:
            self._add(work, deadline_s)
        try:
            yield
        except BaseException as error:
            if not self._ended_in_time(work):
                raise work.failure from error
            if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) and held.closed:
                while isinstance(error, psycopg2.InterfaceError) and isinstance(
                    error.__context__, psycopg2.Error
                ):
                    error = error.__context__  # what closed it, and not who tidied up and found it closed
                said = f"the connection to the database was lost: {str(error).strip()}"
                raise Unreachable(said) from error
            raise
        if not self._ended_in_time(work):
            raise work.failure

    def rely(self, held: connection, on: Iterable[Hashable], *, only: bool) -> None:
        """Note what the work on this connection cannot do without; see `give_up`.

        `only`: and nothing that was noted before.
        """
        with self._changed:
            if held in self._at_work:
                before = set() if only else self._at_work[held].relies_on
                self._at_work[held].relies_on = {*before, *on}

    def give_up(self, on: Hashable, why: str) -> None:
        """Cut off at once whatever relies on this; its owner gets GivenUp with the reason."""
        with self._changed:
            lost = [one for one in self._at_work.values() if on in one.relies_on and not one.expired]
            for work in lost:
                work.failure = GivenUp(why)
        for work in lost:
            self._add(work, 0.0)

    def _add(self, work: _Work, seconds: float) -> None:
        at = time.monotonic() + seconds
        with self._changed:
            self._count += 1
            heapq.heappush(self._due, (at, self._count, work))
            if self._wakes_at is None:
                self._wakes_at = at
                threading.Thread(target=self._watch, name="deadlines", daemon=True).start()
            elif at < self._wakes_at:
                self._wakes_at = at
                self._changed.notify()

    def _ended_in_time(self, work: _Work) -> bool:
        with self._changed:
            work.done = True
            self._at_work.pop(work.held, None)
            while self._due and self._due[0][2].done:
                heapq.heappop(self._due)
            if work.expired:
                work.held.close()  # the cancel request may still be on its way
            return not work.expired

    def _watch(self) -> None:
        while (late := self._next_late()) is not None:
            self._add(late, GRACE_S)
            with suppress(RuntimeError):  # no more threads to be had: then it is severed a moment later
                # A thread of its own, because asking a server that does not answer takes seconds.
                threading.Thread(target=_cancel, args=(self._parameters, late.backend), daemon=True).start()

    def _next_late(self) -> _Work | None:
        """Sleep until work is late; None where none is left to watch."""
        with self._changed:
            while True:
                now = time.monotonic()
                while self._due and (self._due[0][2].done or self._due[0][0] <= now):
                    work = heapq.heappop(self._due)[2]
                    if work.done:
                        continue
                    if not work.expired:
                        work.expired = True
                        return work
                    _sever(work.held)  # under the lock, so that its owner does not close it meanwhile
                if not self._due:
                    self._wakes_at = None
                    return None
                self._wakes_at = self._due[0][0]
                self._changed.wait(self._wakes_at - now)


def _cancel(parameters: Mapping[str, Any], backend: int) -> None:
    with suppress(psycopg2.Error):  # a server that cannot be asked is severed a moment later
        other = psycopg2.connect(**{**parameters, "connect_timeout": 2, "tcp_user_timeout": 5000})
        with closing(other), other.cursor() as cursor:
            cursor.execute("SELECT pg_cancel_backend(%s)", [backend])


def _sever(held: connection) -> None:
    # Both errors mean that it was closed meanwhile and nothing is left to sever.
    with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(held.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
