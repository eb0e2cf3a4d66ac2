"""The engine database as the store uses it: transactions out of one pool, errors in the engine's words.

Knows which database Django's settings name (the test database under test) and how its failures read; knows no
table.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from django.db import connections
from psycopg2 import errors, extensions

from gis_service.errors import Conflict, GridError, NotReady
from sharding.cluster import DeadlineExceeded, Pool, ShardingError
from sharding.distribute import is_citus

DEADLINE_S = 30.0
LONG_DEADLINE_S = 900.0

_pools: dict[tuple[object, ...], Pool] = {}
_pools_lock = threading.Lock()


class OutcomeUnknown(NotReady):
    """A commit was sent and its answer never came: the write may or may not have happened."""


def pool() -> Pool:
    """The pool of the database that the settings name, made on first use in each process."""
    parameters = connection_parameters()
    key = (os.getpid(), *sorted(parameters.items()))
    with _pools_lock:
        if key not in _pools:
            _pools[key] = Pool(parameters)
        return _pools[key]


def close_pools() -> None:
    """Close every connection at rest; the next use makes new ones."""
    with _pools_lock:
        for one in _pools.values():
            one.close()
        _pools.clear()


@contextmanager
def in_transaction(
    *, read_only: bool = False, deadline_s: float | None = DEADLINE_S
) -> Iterator[extensions.cursor]:
    """A cursor in one transaction: committed when the block ends, rolled back when it raises.

    `read_only` means one snapshot (REPEATABLE READ): all queries of the block see the same moment. On Citus
    that holds per county, not across counties.

    Raises
    ------
    NotReady
        The database cannot be reached, or does not answer before the deadline.
    OutcomeUnknown
        The commit was sent and not answered.
    Conflict
        Another transaction was in the way.
    """
    committing = False
    try:
        with pool().transaction(deadline_s=deadline_s) as held, held.cursor() as cursor:
            if read_only:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield cursor
            committing = not read_only
    except (psycopg2.Error, ShardingError) as error:
        raise in_our_words(error, committing=committing) from error


@contextmanager
def session() -> Iterator[extensions.connection]:
    """A connection of its own, for what takes long or is tied to the session; see `Pool.dedicated`."""
    try:
        with pool().dedicated() as held:
            yield held
    except (psycopg2.Error, ShardingError) as error:
        raise in_our_words(error) from error


def distributed(cursor: extensions.cursor) -> bool:
    """Whether the counties are spread over several nodes."""
    return is_citus(cursor)


def is_refusal(error: Exception) -> bool:
    """Whether the database refuses the rows themselves: a constraint, a value that it cannot hold."""
    if isinstance(error, errors.IntegrityError | errors.DataError):
        return True
    # What a shard refuses in a COPY, the coordinator passes on with its words but not its code.
    return isinstance(error, errors.InternalError) and " violates " in str(error)


def in_our_words(error: Exception, *, committing: bool = False) -> GridError:
    """The engine's error for one of the driver's; `committing`: the COMMIT had been sent."""
    while isinstance(error, psycopg2.InterfaceError) and isinstance(error.__context__, psycopg2.Error):
        error = error.__context__  # what closed the connection, and not who tidied up and found it closed
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if committing and (isinstance(error, ShardingError) or getattr(error, "pgcode", None) in (None, "XX000")):
        return OutcomeUnknown(
            f"the write was sent but not confirmed ({said}): look whether it happened, or repeat it"
        )
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected | errors.LockNotAvailable):
        return Conflict(f"another write was in the way ({said}): repeat the request")
    if is_refusal(error):
        return Conflict(f"the database refuses this: {said}")
    if isinstance(error, errors.DiskFull):
        return NotReady(f"the disk of the database is full ({said}): make room there, then repeat")
    if isinstance(error, DeadlineExceeded):
        return NotReady(f"{said}: a node may be away; see /readyz")
    return NotReady(f"the database could not do this: {said}")


def connection_parameters() -> dict[str, Any]:
    """What psycopg2 needs to reach the database that the settings name."""
    parameters = dict(connections["default"].get_connection_params())
    for django_only in ("cursor_factory", "context"):
        parameters.pop(django_only, None)
    options = parameters.pop("options", "")
    return {**parameters, "options": f"{options} -c timezone=UTC".strip()}
