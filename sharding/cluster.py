"""Connections to the database of the shards: a small pool, checked before use, with a deadline of our own.

Knows psycopg2 and time, not what is asked. How a deadline is kept is `deadlines`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, connection

from sharding.deadlines import DeadlineExceeded, ShardingError, Unreachable, Watch

__all__ = ["DeadlineExceeded", "NoPlace", "Pool", "ShardingError", "Unreachable"]


class NoPlace(ShardingError):
    """All connections that the pool may have are in use."""


class Pool:
    """Connections to one database, handed out one per `with` block and kept afterwards.

    Parameters
    ----------
    parameters
        What `psycopg2.connect` takes by name (`dsn` for a whole libpq URI).
    size
        Connections in use at the same time; a further caller waits for one until its deadline.
    check_after_s
        A connection that rested longer is asked `SELECT 1` before it is handed out again.
    """

    def __init__(self, parameters: Mapping[str, Any], *, size: int = 8, check_after_s: float = 5.0) -> None:
        self._parameters = {"connect_timeout": 10, **parameters}
        self._places = threading.BoundedSemaphore(size)
        self._resting: list[tuple[float, connection]] = []
        self._lock = threading.Lock()
        self._check_after_s = check_after_s
        self._watch = Watch(self._parameters)

    @contextmanager
    def transaction(
        self, *, deadline_s: float | None = 30.0, wait: bool = True, one_statement: bool = False
    ) -> Iterator[connection]:
        """A connection in a transaction that commits when the block ends, and rolls back when it raises.

        With `one_statement` each statement is a transaction of its own, which saves sending its begin and its
        end: on a cluster to the node that is asked as well.

        Raises
        ------
        NoPlace
            Without `wait`, when all connections are in use.
        DeadlineExceeded
            `deadline_s` after the block was entered (None: never), wherever it is at that moment.
        Unreachable
            No connection can be made, or it was lost inside the block.
        """
        if not wait and not self._places.acquire(blocking=False):
            raise NoPlace("all connections are in use")
        if wait and not self._places.acquire(timeout=deadline_s):
            raise DeadlineExceeded(f"no connection became free within {deadline_s:g} s")
        try:
            held = self._take()
            try:
                with self._watch.within(held, deadline_s):
                    held.autocommit = one_statement
                    yield held
                    held.commit()
            finally:
                self._give_back(held)
        finally:
            self._places.release()

    @contextmanager
    def dedicated(self) -> Iterator[connection]:
        """A connection of its own without a deadline, outside the pool's size, closed at the end.

        What is tied to the session (temporary tables, session locks) vanishes with it.
        """
        held = self._connect()
        try:
            yield held
        finally:
            held.close()

    def watched(self, held: connection) -> AbstractContextManager[None]:
        """Let a block use a dedicated connection without a deadline, but so that it can be given up."""
        return self._watch.within(held, None)

    def rely(self, held: connection, on: Iterable[Hashable], *, only: bool = False) -> None:
        """Note what the block that uses this connection now cannot do without, such as a node.

        `only`: and nothing that was noted before.
        """
        self._watch.rely(held, on, only=only)

    def give_up(self, on: Hashable, why: str) -> None:
        """Cut off every block that relies on this: GivenUp says why."""
        self._watch.give_up(on, why)

    def close(self) -> None:
        """Close the connections at rest; those in use are not touched."""
        with self._lock:
            resting, self._resting = self._resting, []
        for _, one in resting:
            one.close()

    def _connect(self) -> connection:
        try:
            made: connection = psycopg2.connect(**self._parameters)
        except psycopg2.OperationalError as error:
            raise Unreachable(f"no connection to the database: {str(error).strip()}") from error
        return made

    def _take(self) -> connection:
        while True:
            with self._lock:
                if not self._resting:
                    break
                since, held = self._resting.pop()
            if time.monotonic() - since < self._check_after_s or self._is_alive(held):
                return held
            held.close()
        return self._connect()

    def _is_alive(self, held: connection) -> bool:
        try:
            with self._watch.within(held, 2.0), held.cursor() as cursor:
                cursor.execute("SELECT 1")
                held.rollback()
        except (psycopg2.Error, ShardingError):
            return False
        return True

    def _give_back(self, held: connection) -> None:
        if not held.closed:
            with suppress(psycopg2.Error):  # a connection that cannot roll back is of no more use
                held.rollback()
                held.autocommit = False
        if held.closed or held.info.transaction_status != TRANSACTION_STATUS_IDLE:
            held.close()
            return
        with self._lock:
            self._resting.append((time.monotonic(), held))
