"""The engine database as the store uses it: transactions out of one pool, errors in the engine's words.

Knows which database Django's settings name (the test database under test) and how its failures read; knows no
table.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import psycopg2
from django.db import connections
from psycopg2 import errors, extensions

from gis_service.errors import Conflict, CountyAway, GridError, NotReady
from sharding.cluster import DeadlineExceeded, Pool, ShardingError
from sharding.deadlines import GivenUp
from sharding.distribute import is_citus
from sharding.nodes import NodeAway, NodeWatch
from sharding.placement import Node
from sharding.readers import Readers, side_by_side

DEADLINE_S = 30.0
LONG_DEADLINE_S = 900.0

READERS = min(4, max(2, os.cpu_count() or 2))
"""Connections that read counties side by side. Each keeps a core of the database busy, and part of ours."""

_SPREAD_TABLE = "county_version"  # every other distributed table lies beside it

# What meets a statement that chose its shard and finds it gone: it waited for a split, or comes too late.
_SHARD_REPLACED = re.compile(
    "could not find valid entry for shard"
    "|shard for the given value does not exist"
    r'|relation "[^"]+_\d{6,}" does not exist'
)

_pools: dict[tuple[object, ...], tuple[Pool, NodeWatch]] = {}
_pools_lock = threading.Lock()


class NodeLost(NotReady):
    """A node went away in the middle, and nothing was written.

    After `look_at_nodes`, what does not need that node can go on.
    """


class ShardReplaced(NotReady):
    """A shard was split while this waited for it, and nothing was written: the same again finds its parts."""


class OutcomeUnknown(NotReady):
    """A commit was sent and its answer never came: the write may or may not have happened."""


def pool() -> Pool:
    """The pool of the database that the settings name, made on first use in each process."""
    return _connected()[0]


def node_watch() -> NodeWatch:
    """Who watches the nodes of that database."""
    return _connected()[1]


def _connected() -> tuple[Pool, NodeWatch]:
    parameters = connection_parameters()
    key = (os.getpid(), *sorted(parameters.items()))
    with _pools_lock:
        if key not in _pools:
            from gis_service.store.settling import settle  # which works through this module

            made = Pool(parameters)
            _pools[key] = made, NodeWatch(made, parameters, _SPREAD_TABLE, partial(settle, parameters))
        return _pools[key]


def close_pools() -> None:
    """Close every connection at rest; the next use makes new ones."""
    with _pools_lock:
        for pool, watch in _pools.values():
            watch.stop()
            pool.close()
        _pools.clear()


@contextmanager
def in_transaction(
    *,
    read_only: bool = False,
    one_statement: bool = False,
    deadline_s: float | None = DEADLINE_S,
    counties: Collection[str] = (),
) -> Iterator[extensions.cursor]:
    """A cursor in one transaction: committed when the block ends, rolled back when it raises.

    `read_only` means one snapshot (REPEATABLE READ): all queries of the block see the same moment. On Citus
    that holds per county, not across counties.

    Parameters
    ----------
    one_statement
        The block reads by one statement, which is a snapshot and a transaction by itself.
    counties
        Whose rows the block is about, where it is about some: nothing is begun when the node of one is away,
        and the block is given up when one goes away; see `rely_on` for more of them later.

    Raises
    ------
    CountyAway
        The node of one of `counties` does not answer.
    NotReady
        The database cannot be reached, or does not answer before the deadline.
    OutcomeUnknown
        The commit was sent and not answered.
    Conflict
        Another transaction was in the way.
    """
    committing = False
    try:
        if counties:
            node_watch().require(counties)
        with (
            pool().transaction(deadline_s=deadline_s, one_statement=one_statement) as held,
            held.cursor() as cursor,
        ):
            if counties:
                rely_on(cursor, counties)
            if read_only and not one_statement:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield cursor
            committing = not read_only
    except (psycopg2.Error, ShardingError) as error:
        if counties or _is_lost_node(error):
            node_watch().suspect()
        raise in_our_words(error, committing=committing, counties=counties) from error


def rely_on(cursor: extensions.cursor, counties: Collection[str], *, only: bool = False) -> None:
    """Give what this connection does up when the node of one of these counties goes away.

    `only`: and no longer for those named before.

    Raises
    ------
    CountyAway
        When one is away already.
    """
    try:
        pool().rely(cursor.connection, node_watch().require(counties), only=only)
    except NodeAway as error:
        raise in_our_words(error) from error


@contextmanager
def reading(*, deadline_s: float | None = LONG_DEADLINE_S) -> Iterator[Readers]:
    """Several connections for what is large, as `in_transaction(read_only=True)` is one; raises the same."""
    try:
        with side_by_side(pool(), READERS, deadline_s=deadline_s) as readers:
            yield readers
    except errors.LockNotAvailable as error:
        raise NotReady("another session is changing the tables: try again in a moment") from error
    except (psycopg2.Error, ShardingError) as error:
        if _is_lost_node(error):
            node_watch().suspect()
        raise in_our_words(error) from error


@contextmanager
def session() -> Iterator[extensions.connection]:
    """A connection of its own, for what takes long or is tied to the session; see `Pool.dedicated`."""
    try:
        with pool().dedicated() as held, pool().watched(held):
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


def in_our_words(error: Exception, *, committing: bool = False, counties: Collection[str] = ()) -> GridError:
    """The engine's error for one of the driver's.

    Parameters
    ----------
    committing
        The COMMIT had been sent.
    counties
        Whose rows were asked for; away where a node was not reached.
    """
    while isinstance(error, psycopg2.InterfaceError) and isinstance(error.__context__, psycopg2.Error):
        error = error.__context__  # what closed the connection, and not who tidied up and found it closed
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if committing and (isinstance(error, ShardingError) or getattr(error, "pgcode", None) in (None, "XX000")):
        return OutcomeUnknown(
            f"the write was sent but not confirmed ({said}): look whether it happened, or repeat it"
        )
    if _SHARD_REPLACED.search(said):
        return ShardReplaced(f"the shard of this county was split meanwhile ({said}): repeat the request")
    if isinstance(error, NodeAway):
        return CountyAway([key for key in error.keys if key] or list(counties), str(error))
    if counties and (isinstance(error, DeadlineExceeded) or _is_lost_node(error)):
        away = _away_now(counties)
        return CountyAway(away or list(counties), said)
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected | errors.LockNotAvailable):
        return Conflict(f"another write was in the way ({said}): repeat the request")
    if is_refusal(error):
        return Conflict(f"the database refuses this: {said}")
    if isinstance(error, errors.DiskFull):
        return NotReady(f"the disk of the database is full ({said}): make room there, then repeat")
    if isinstance(error, GivenUp):
        return NodeLost(f"{said}, and this needed it: nothing was changed, repeat it when the node is back")
    if _is_lost_node(error):
        return NodeLost(f"a node of the database could not be reached: {said}")
    if isinstance(error, DeadlineExceeded):
        return NotReady(f"{said}: a node may be away; see /readyz")
    return NotReady(f"the database could not do this: {said}")


def look_at_nodes() -> None:
    """Ask every node now, so that the next question knows which of them answer.

    Raises
    ------
    NotReady
        When the coordinator does not answer.
    """
    try:
        node_watch().look()
    except ShardingError as error:
        raise in_our_words(error) from error


def answering_nodes() -> list[Node]:
    """The workers that answer, as last seen; none on one server, or where that cannot be said."""
    with suppress(ShardingError):
        return [node for node, away in node_watch().answering().items() if away is None]
    return []


def rely_on_all_nodes(cursor: extensions.cursor) -> None:
    """The same for every node of the cluster: for what is written on all of them.

    Raises
    ------
    NotReady
        When one is away.
    """
    try:
        nodes = node_watch().answering()
        pool().rely(cursor.connection, nodes)
    except ShardingError as error:
        raise in_our_words(error) from error
    away = [str(one) for one in nodes.values() if one is not None]
    if away:
        raise NotReady(f"this is written on every node, and {'; '.join(away)}: wait until all answer")


def counties_away(counties: Collection[str]) -> dict[str, str]:
    """Those of the counties whose node does not answer, as last seen, and since when.

    Raises
    ------
    NotReady
        When the coordinator was never reached.
    """
    if not counties:
        return {}
    try:
        return {county: str(one) for county, one in node_watch().away(counties).items()}
    except ShardingError as error:
        raise in_our_words(error) from error


def _is_lost_node(error: Exception) -> bool:
    """Whether the coordinator says that it could not reach a node, or lost it."""
    code = getattr(error, "pgcode", None) or ""
    return code.startswith("08") or (code == "XX000" and "connection" in str(error))


def _away_now(counties: Collection[str]) -> list[str]:
    with suppress(ShardingError):
        return sorted(node_watch().away(counties))
    return []


def connection_parameters() -> dict[str, Any]:
    """What psycopg2 needs to reach the database that the settings name."""
    parameters = dict(connections["default"].get_connection_params())
    for django_only in ("cursor_factory", "context"):
        parameters.pop(django_only, None)
    options = parameters.pop("options", "")
    return {**parameters, "options": f"{options} -c timezone=UTC".strip()}
