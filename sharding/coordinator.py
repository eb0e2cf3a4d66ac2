"""A session with the coordinator for work on the cluster itself: alone, interruptible, never for ever.

Statements that move shards run for minutes, and a frozen node answers neither `statement_timeout` nor a
cancel request. So each statement has a deadline of our own, and Ctrl-C ends it: it is cancelled, given a
moment to tidy up, and then cut off. One session at a time may change the cluster; what it changes, one
statement at a time, stays when it ends, however it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2 import extensions

from sharding.deadlines import DeadlineExceeded, ShardingError, Unreachable
from sharding.ready import ready

SHORT_S = 60.0
_CHANGING_THE_CLUSTER = 0x67696405
_TIDYING_S = 10.0
_TICK_S = 0.5
_CONNECTING_S = 10


class Busy(ShardingError):
    """Another session is changing the cluster, or holds what a change needs."""


class Coordinator:
    """An open session; every statement is a transaction of its own.

    Parameters
    ----------
    parameters
        What `psycopg2.connect` takes by name.
    purpose
        What others see this session do, such as "gridgis cluster rebalance".
    """

    def __init__(self, parameters: Mapping[str, Any], purpose: str) -> None:
        own = {**parameters, "connect_timeout": _CONNECTING_S, "application_name": purpose[:63]}
        self._parameters = own
        try:
            self._held: extensions.connection = psycopg2.connect(**own, async_=True)
            self._wait(time.monotonic() + _CONNECTING_S, None)
        except psycopg2.OperationalError as error:
            raise Unreachable(f"no connection to the database: {str(error).strip()}") from error
        except TimeoutError:
            self._held.close()
            raise Unreachable(f"the database let nobody in for {_CONNECTING_S} s") from None
        # so that the server ends what a killed process has begun
        self.ask("SET client_connection_check_interval = '1s'")

    def ask(
        self,
        query: str,
        values: Sequence[object] = (),
        *,
        deadline_s: float = SHORT_S,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[tuple[Any, ...]]:
        """The rows of one statement; `meanwhile` is called about twice a second until they are there.

        Raises
        ------
        DeadlineExceeded
            The statement was ended because it took too long.
        Unreachable
            The connection was lost.
        psycopg2.Error
            What the server says.
        """
        cursor = self._held.cursor()
        try:
            cursor.execute(query, values or None)
            self._wait(time.monotonic() + deadline_s, meanwhile)
        except psycopg2.OperationalError as error:
            if not self._held.closed:
                raise
            said = f"the connection to the database was lost: {str(error).strip()}"
            raise Unreachable(said) from error
        except TimeoutError:
            self._end()
            raise DeadlineExceeded(f"the cluster did not do this within {deadline_s:g} s") from None
        except BaseException:
            self._end()
            raise
        return cursor.fetchall() if cursor.description else []

    def one(self, query: str, values: Sequence[object] = (), *, deadline_s: float = SHORT_S) -> Any:
        """The first column of the first row; None where there is none."""
        rows = self.ask(query, values, deadline_s=deadline_s)
        return rows[0][0] if rows else None

    def close(self) -> None:
        """End the session, and with it the right to change the cluster."""
        self._held.close()

    def _wait(self, until: float, meanwhile: Callable[[], None] | None) -> None:
        """Wait for the server, in short steps.

        Raises
        ------
        TimeoutError
            It did not answer in time.
        """
        while (state := self._held.poll()) != extensions.POLL_OK:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            line = [self._held.fileno()]
            reading = line if state == extensions.POLL_READ else []
            writing = line if state == extensions.POLL_WRITE else []
            found = ready(reading, writing, min(left, _TICK_S))
            if meanwhile is not None and not found:
                meanwhile()

    def _end(self) -> None:
        """Cancel the statement and let the server tidy up; cut the connection where it does not."""
        if self._held.closed or not self._held.isexecuting():
            return
        with suppress(psycopg2.Error):
            other = psycopg2.connect(**{**self._parameters, "connect_timeout": 2, "tcp_user_timeout": 5000})
            try:
                with other.cursor() as cursor:
                    cursor.execute("SELECT pg_cancel_backend(%s)", [self._held.info.backend_pid])
            finally:
                other.close()
        try:
            self._wait(time.monotonic() + _TIDYING_S, None)
        except TimeoutError:
            self._held.close()
        except psycopg2.Error:
            pass  # that it was cancelled


@contextmanager
def alone(parameters: Mapping[str, Any], purpose: str) -> Iterator[Coordinator]:
    """The one session that may change the cluster.

    Raises
    ------
    Busy
        Naming who is at work.
    """
    session = Coordinator(parameters, purpose)
    try:
        if not session.one("SELECT pg_try_advisory_lock(%s, 0)", [_CHANGING_THE_CLUSTER]):
            raise Busy(
                f"{at_work(session) or 'another command'} is changing the cluster: wait until it is done"
            )
        yield session
    finally:
        session.close()


@contextmanager
def looking(parameters: Mapping[str, Any], purpose: str) -> Iterator[Coordinator]:
    """A session that changes nothing, beside whoever does."""
    session = Coordinator(parameters, purpose)
    try:
        yield session
    finally:
        session.close()


def at_work(session: Coordinator) -> str:
    """Who is changing the cluster and since when, in a few words; empty where nobody is."""
    rows = session.ask(
        """
        SELECT a.application_name, a.pid, to_char(a.backend_start, 'HH24:MI:SS')
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = 0 AND l.objsubid = 2 AND l.granted
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """,
        [_CHANGING_THE_CLUSTER],
    )
    return ", ".join(f"{name} (session {pid}, since {since})" for name, pid, since in rows)
