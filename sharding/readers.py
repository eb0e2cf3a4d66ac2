"""Several connections that read side by side, bounded in number, as of one moment on one server.

Knows which tasks are open and what came of them, not what they read. All ends together: at the deadline, and
when one task fails, which cuts the others off; the caller hears of the first failure alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from psycopg2 import extensions

from sharding.cluster import NoPlace, Pool
from sharding.deadlines import GivenUp, Unreachable
from sharding.distribute import is_citus

_T = TypeVar("_T")
Task = Callable[[extensions.cursor], _T]
"""Reads something; must not write, and is run in any thread."""

LOCK_S = 5.0
"""Seconds for which one of several connections waits for a table that somebody locks.

Whoever locks several tables, as a migration does, may have to wait for one that another of the connections
has read. That circle lies across our own sessions, so that the server does not see it.
"""

_READ_ONLY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@contextmanager
def side_by_side(pool: Pool, most: int, *, deadline_s: float | None) -> Iterator[Readers]:
    """Up to `most` connections for the block, in read-only transactions.

    One of them is held all along. The others are taken from the pool while there are tasks for them, as far
    as it has some to spare: nobody waits for a connection while holding one.

    Raises
    ------
    DeadlineExceeded, Unreachable
        As `Pool.transaction`; the deadline is that of the block, whichever connection is late.
    """
    until = None if deadline_s is None else time.monotonic() + deadline_s
    readers: Readers | None = None
    try:
        with pool.transaction(deadline_s=deadline_s) as held, held.cursor() as cursor:
            cursor.execute(_READ_ONLY)
            readers = Readers(cursor, pool, most, until)
            yield readers
    except GivenUp:
        if readers is not None and readers.failure is not None:
            raise readers.failure from None
        raise


def alone(cursor: extensions.cursor) -> Readers:
    """A single connection, in the midst of a transaction, as several."""
    return Readers(cursor, None, 1, None)


class Readers:
    """What `side_by_side` gives.

    On one server all connections see the snapshot of `cursor`. On Citus each node gives its own, with one
    connection as with several: what belongs together must be compared by versions.
    """

    def __init__(self, cursor: extensions.cursor, pool: Pool | None, most: int, until: float | None) -> None:
        self.cursor = cursor
        """For single questions, between two calls of `each`."""
        self.failure: BaseException | None = None
        """The first, after which nothing more can be read."""
        self._pool, self._most, self._until = pool, most, until
        self._moment: list[str] | None = None

    def each(self, tasks: Sequence[Task[_T]]) -> list[_T]:
        """The results in the order of the tasks, which are begun in that order: give the longest first.

        Raises
        ------
        Exception
            The first that a task raised. Nothing runs any more then, and the block must be left.
        """
        if self._pool is None or min(self._most, len(tasks)) < 2:
            return [task(self.cursor) for task in tasks]
        if self._moment is None:
            self._moment = _exported(self.cursor)
        run = _Run(tasks, self._pool)
        threads = [
            threading.Thread(target=self._help, args=(run, self._pool), daemon=True)
            for _ in range(min(self._most, len(tasks)) - 1)
        ]
        for one in threads:
            one.start()
        try:
            run.work(self.cursor, leads=True)
        except BaseException as error:
            run.fail(error, leads=True)
            raise
        finally:
            for one in threads:
                one.join()
            self.failure = run.failure
            if run.failure is not None:
                raise run.failure
        return run.results

    def _help(self, run: _Run[Any], pool: Pool) -> None:
        left = None if self._until is None else max(0.0, self._until - time.monotonic())
        begun = False
        try:
            with pool.transaction(deadline_s=left, wait=False) as held, held.cursor() as cursor:
                cursor.execute(_READ_ONLY)
                for moment in self._moment or ():
                    cursor.execute("SET TRANSACTION SNAPSHOT %s", [moment])
                cursor.execute("SET LOCAL lock_timeout = %s", [f"{LOCK_S * 1000:.0f}ms"])
                begun = True
                run.work(cursor)
        except BaseException as error:  # noqa: BLE001  # the caller of `each` raises it
            # Without this connection the others do its share.
            if begun or not isinstance(error, NoPlace | Unreachable):
                run.fail(error)


class _Run(Generic[_T]):
    """Tasks, who works on them, and what came of them; changes under its lock."""

    def __init__(self, tasks: Sequence[Task[_T]], pool: Pool) -> None:
        self._tasks, self._pool = tasks, pool
        self._found: list[Any] = [None] * len(tasks)
        self._next = 0
        self._lock = threading.Lock()
        self._leader = object()
        self.failure: BaseException | None = None

    @property
    def results(self) -> list[_T]:
        return self._found

    def work(self, cursor: extensions.cursor, *, leads: bool = False) -> None:
        """Do open tasks until none is left or one failed elsewhere."""
        with self._lock:  # so that a failure finds who is at work
            self._pool.rely(cursor.connection, [self._leader if leads else self])
        while (place := self._take()) is not None:
            self._found[place] = self._tasks[place](cursor)

    def fail(self, error: BaseException, *, leads: bool = False) -> None:
        """Keep the first failure, and end what the others are in the middle of."""
        with self._lock:
            if self.failure is None:
                self.failure = error
                for others in [self] if leads else [self, self._leader]:
                    self._pool.give_up(others, "another connection failed")

    def _take(self) -> int | None:
        with self._lock:
            if self.failure is not None or self._next == len(self._tasks):
                return None
            self._next += 1
            return self._next - 1


def _exported(cursor: extensions.cursor) -> list[str]:
    """The snapshot that others are to see, if there is one for all."""
    if is_citus(cursor):
        return []
    cursor.execute("SELECT pg_export_snapshot()")
    row = cursor.fetchone()
    return [] if row is None else [row[0]]
