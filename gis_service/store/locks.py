"""Who may write a county at the same time as whom; on a cluster every writer comes through one coordinator.

Advisory locks, so that a county can be locked before it exists and readers never wait. Locks of a transaction
end with it; the lock of a load is the session's and ends with the loading process, however that ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from psycopg2 import errors, extensions

from gis_service.errors import Conflict
from gis_service.store.database import session

LOADING, _WRITING, _COMMITTING_LOADS, _INDEXING = 0x67696401, 0x67696402, 0x67696403, 0x67696404


def lock_for_writing(cursor: extensions.cursor, counties: Collection[str], *, patience_s: int = 20) -> None:
    """Be the only writer of these counties until the transaction ends; Conflict after `patience_s`."""
    cursor.execute("SET LOCAL lock_timeout = %s", [f"{patience_s}s"])
    cursor.execute(
        "SELECT DISTINCT hashtext(code) FROM unnest(%s::text[]) code ORDER BY 1", [sorted(counties)]
    )
    for (key,) in cursor.fetchall():  # always in the same order, so that no two writers wait for each other
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_WRITING, key])


def lock_commits_of_loads(cursor: extensions.cursor) -> None:
    """Let loads commit one after another, so that each sees the ids of all before it."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_COMMITTING_LOADS])


def hold_for_loading(cursor: extensions.cursor, county: str, *, patience_s: int = 5) -> None:
    """Be the only session that loads this county; Conflict where another one does for `patience_s` more."""
    cursor.execute("SET LOCAL lock_timeout = %s", [f"{patience_s}s"])
    try:
        cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [LOADING, county])
    except errors.LockNotAvailable as error:
        raise Conflict(
            f"county {county} is being loaded by another process: wait until it is done, then try again"
        ) from error


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
