"""Who may write a county at the same time as whom; on a cluster every writer comes through one coordinator.

Advisory locks, so that a county can be locked before it exists and readers never wait. They end with the
process that holds them, however that ends.

A writer's locks are held by a session beside the one that writes: a session that waits for a frozen node,
even to undo what it did there, cannot be ended before the node is back, and would hold its locks until then.
They are let go of as soon as it is decided whether the write happened.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from psycopg2 import errors, extensions
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from gis_service.errors import Conflict
from gis_service.store.database import (
    LONG_DEADLINE_S,
    answering_nodes,
    connection_parameters,
    in_transaction,
    session,
)
from sharding.freeing import end_branches

LOADING, _WRITING, _COMMITTING_LOADS, _INDEXING = 0x67696401, 0x67696402, 0x67696403, 0x67696404

_DECISION_S, _STEP_S = 3.0, 0.05


class WriteLocks:
    """The locks of one write; see `write_locks`."""

    def __init__(self, keep: ExitStack, until: float) -> None:
        self._keep = keep
        self._until = until
        self._cursor: extensions.cursor | None = None
        self._writers: set[int] = set()

    def counties(self, writer: extensions.cursor, counties: Collection[str], *, patience_s: int = 20) -> None:
        """Let this session be the only writer of these counties.

        Raises
        ------
        psycopg2.errors.LockNotAvailable
            After `patience_s`, or when the time of the write is over.
        """
        left_s = max(0.001, self._until - time.monotonic())
        _lock_counties(self._for(writer), counties, min(patience_s, left_s))

    def commits_of_loads(self, writer: extensions.cursor) -> None:
        """Let loads commit one after another, so that each sees the ids of all before it."""
        self._for(writer).execute("SELECT pg_advisory_xact_lock(%s, 0)", [_COMMITTING_LOADS])

    def await_decision(self) -> None:
        """Wait until the writer's transaction is over, which does not mean that its session is free again.

        Not for ever: one that asked a frozen node alone to commit is over when that is back. Who writes next
        finds its counties in doubt, see `in_doubt`.
        """
        if self._cursor is None:
            return
        if self._cursor.connection.info.transaction_status == TRANSACTION_STATUS_INERROR:
            return  # a lock was not to be had, and with that no other is held any more
        until = time.monotonic() + _DECISION_S
        while time.monotonic() < until:
            self._cursor.execute("SELECT pg_stat_clear_snapshot()")
            self._cursor.execute(
                "SELECT FROM pg_stat_activity WHERE pid = ANY(%s) AND backend_xid IS NOT NULL",
                [sorted(self._writers)],
            )
            if self._cursor.fetchone() is None:
                self._end_branches()
                return
            time.sleep(_STEP_S)

    def _end_branches(self) -> None:
        """Where the writer hangs although its transaction is over, free its rows on the nodes that answer."""
        assert self._cursor is not None
        self._cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s) AND state = 'active'",
            [sorted(self._writers)],
        )
        for (hanging,) in self._cursor.fetchall():
            end_branches(hanging, answering_nodes(), connection_parameters())

    def _for(self, writer: extensions.cursor) -> extensions.cursor:
        self._writers.add(writer.connection.info.backend_pid)
        if self._cursor is None:
            self._cursor = self._keep.enter_context(in_transaction(deadline_s=LONG_DEADLINE_S))
        return self._cursor


@contextmanager
def write_locks(*, deadline_s: float | None = None) -> Iterator[WriteLocks]:
    """Locks for one writing transaction, which ends inside the block; takes a session when one is asked for.

    No lock is waited for longer than `deadline_s` from the beginning of the block.

    Raises
    ------
    Conflict
        When another writer holds one for too long.
    """
    keep = ExitStack()
    locks = WriteLocks(keep, math.inf if deadline_s is None else time.monotonic() + deadline_s)
    try:
        yield locks
    except BaseException:
        locks.await_decision()
        raise
    finally:
        keep.close()  # the locks' own session has nothing to say about the writer's failure


def in_doubt(cursor: extensions.cursor) -> list[str]:
    """Counties that another write has entered in the register and that is not over, sorted.

    Asked under the locks of all counties: what is found then was cut off, and a node that is away decides it.
    """
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.relation = 'county_register'::regclass AND l.mode = 'RowExclusiveLock'"
        " AND a.backend_xid IS NOT NULL AND l.pid <> pg_backend_pid())"
    )
    if cursor.fetchone() == (False,):
        return []
    cursor.execute("SELECT county_code FROM county_register FOR SHARE SKIP LOCKED")
    free = {code for (code,) in cursor.fetchall()}
    cursor.execute("SELECT county_code FROM county_register")
    return sorted({code for (code,) in cursor.fetchall()} - free)


def _lock_counties(cursor: extensions.cursor, counties: Collection[str], patience_s: float) -> None:
    cursor.execute("SET LOCAL lock_timeout = %s", [f"{math.ceil(patience_s * 1000)}ms"])
    cursor.execute(
        "SELECT DISTINCT hashtext(code) FROM unnest(%s::text[]) code ORDER BY 1", [sorted(counties)]
    )
    for (key,) in cursor.fetchall():  # always in the same order, so that no two writers wait for each other
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_WRITING, key])


@contextmanager
def hold_for_loading(counties: Sequence[str], *, patience_s: int = 5) -> Iterator[None]:
    """Be the only process that loads these counties, in the order given, during the block.

    Raises
    ------
    Conflict
        Where another one loads one of them for `patience_s` more.
    """
    with load_session() as held:
        with held, held.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = %s", [f"{patience_s}s"])
            for county in counties:
                try:
                    cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [LOADING, county])
                except errors.LockNotAvailable as error:
                    raise Conflict(
                        f"county {county} is being loaded by another process: wait until it is done, then "
                        f"try again"
                    ) from error
        yield


def hold_for_indexing(cursor: extensions.cursor) -> bool:
    """Be the only session that takes indexes away and builds them; False where another one is."""
    cursor.execute("SELECT pg_try_advisory_lock(%s, 0)", [_INDEXING])
    return cursor.fetchone() == (True,)


@contextmanager
def load_session() -> Iterator[extensions.connection]:
    """A session for one load, whose locks end with the block, not with the server's tidying up."""
    with session() as held:
        with held, held.cursor() as cursor:  # so that a killed load is noticed, and ends, within seconds
            cursor.execute("SET client_connection_check_interval = '1s'")
        try:
            yield held
        finally:
            if not held.closed:
                held.rollback()
                with held, held.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock_all()")
