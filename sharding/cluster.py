"""Connections to the database of the shards: a small pool, checked before use, with a deadline of our own.

Knows psycopg2 and time, not what is asked. The deadline does not rely on the server: a frozen node answers
neither `statement_timeout` nor a cancel request, so after a moment of grace the socket is shut down here.
psycopg2's own `cancel()` is never used: it holds the interpreter's lock while it waits for the server.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, connection

GRACE_S = 1.0


class ShardingError(Exception):
    """Root of what this package raises on purpose."""


class Unreachable(ShardingError):
    """No connection could be had, or it broke while in use."""


class DeadlineExceeded(ShardingError):
    """The work was cut off because it took longer than its caller allows."""


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

    @contextmanager
    def transaction(self, *, deadline_s: float | None = 30.0) -> Iterator[connection]:
        """A connection in a transaction that commits when the block ends, and rolls back when it raises.

        Raises
        ------
        DeadlineExceeded
            `deadline_s` after the block was entered (None: never), wherever it is at that moment.
        Unreachable
            No connection can be made, or it was lost inside the block.
        """
        if not self._places.acquire(timeout=deadline_s):
            raise DeadlineExceeded(f"no connection became free within {deadline_s:g} s")
        try:
            held = self._take()
            try:
                with _Deadline(held, deadline_s, self._parameters):
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
            with _Deadline(held, 2.0, self._parameters), held.cursor() as cursor:
                cursor.execute("SELECT 1")
                held.rollback()
        except (psycopg2.Error, ShardingError):
            return False
        return True

    def _give_back(self, held: connection) -> None:
        if not held.closed:
            with suppress(psycopg2.Error):  # a connection that cannot roll back is of no more use
                held.rollback()
        if held.closed or held.info.transaction_status != TRANSACTION_STATUS_IDLE:
            held.close()
            return
        with self._lock:
            self._resting.append((time.monotonic(), held))


class _Deadline:
    """Cuts a connection off when its time is up, and says so instead of the driver's error."""

    def __init__(self, held: connection, deadline_s: float | None, parameters: Mapping[str, Any]) -> None:
        self._held = held
        self._parameters = parameters
        self._deadline_s = deadline_s
        self._done = threading.Event()
        self._expired = False
        self._timer: threading.Timer | None = None

    def __enter__(self) -> None:
        if self._deadline_s is not None:
            self._timer = threading.Timer(self._deadline_s, self._cut_off)
            self._timer.daemon = True
            self._timer.start()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._done.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._expired:
            self._held.close()  # the cancel request may still be on its way
            raise DeadlineExceeded(f"the database did not answer within {self._deadline_s:g} s") from error
        if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) and self._held.closed:
            raise Unreachable(f"the connection to the database was lost: {str(error).strip()}") from error

    def _cut_off(self) -> None:
        if self._done.is_set():
            return
        self._expired = True
        backend = self._held.info.backend_pid
        threading.Thread(target=_cancel, args=(self._parameters, backend), daemon=True).start()
        if not self._done.wait(GRACE_S):
            _sever(self._held)


def _cancel(parameters: Mapping[str, Any], backend: int) -> None:
    with suppress(psycopg2.Error):  # a server that cannot be asked is severed a moment later
        other = psycopg2.connect(**{**parameters, "connect_timeout": 2, "tcp_user_timeout": 5000})
        with closing(other), other.cursor() as cursor:
            cursor.execute("SELECT pg_cancel_backend(%s)", [backend])


def _sever(held: connection) -> None:
    # Both errors mean that it was closed meanwhile and nothing is left to sever.
    with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(held.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
