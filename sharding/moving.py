"""Moving shards between nodes while they are read and written, one after another.

Each move is whole or has not happened: its rows are copied, what is written meanwhile follows by logical
replication, and writers wait only while the last of it arrives. A move that cannot get the lock for that
within a few seconds lets the writers pass and tries again; one that takes far longer than its size explains
is ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import errors

from sharding.coordinator import Busy, Coordinator
from sharding.deadlines import ShardingError
from sharding.placement import Node

LOCK_PATIENCE_S = 5
_TRIES = 12
_LONGEST_PAUSE_S = 10.0
_PATIENCE_S = 120.0
_SLOWEST_BYTES_PER_S = 1e6
_PLANNING_S = 300.0
# So little that data decides where shards lie, and not their number alone.
_COST_OF_A_SHARD = "10MB"

Wait = Callable[[str], None]
"""Is told why a step has to be tried again."""


@dataclass(frozen=True, slots=True)
class Move:
    """A shard, with those colocated with it, from one node to another; `size` in bytes."""

    shard: int
    size: int
    source: Node
    target: Node

    def __str__(self) -> str:
        return f"shard {self.shard} ({self.size / 1e6:,.0f} MB) from {self.source} to {self.target}"


def plan(session: Coordinator, *, draining: bool = False) -> list[Move]:
    """The moves that would even the nodes out, or, `draining`, empty those that are to hold no shards.

    Raises
    ------
    psycopg2.Error
        A node does not answer, or no node is left to hold shards.
    """
    session.ask("SELECT set_config('citus.rebalancer_by_disk_size_base_cost', %s, false)", [_COST_OF_A_SHARD])
    rows = session.ask(
        """
        SELECT shardid, shard_size, sourcename, sourceport, source.groupid = 0, targetname, targetport,
               target.groupid = 0
        FROM get_rebalance_table_shards_plan(drain_only => %s, rebalance_strategy => 'by_disk_size')
             WITH ORDINALITY AS step
        JOIN pg_dist_node source ON (source.nodename, source.nodeport) = (sourcename, sourceport)
        JOIN pg_dist_node target ON (target.nodename, target.nodeport) = (targetname, targetport)
        ORDER BY step.ordinality
        """,
        [draining],
        deadline_s=_PLANNING_S,
    )
    moves: dict[int, Move] = {}
    groups = dict(
        session.ask(
            "SELECT shardid, min(shardid) OVER (PARTITION BY colocationid, shardminvalue)"
            " FROM pg_dist_shard JOIN pg_dist_partition USING (logicalrelid)"
        )
    )
    for shard, size, *addresses in rows:
        # the plan lists every colocated table; the group moves as one
        moves.setdefault(groups[shard], Move(shard, 0, Node(*addresses[:3]), Node(*addresses[3:])))
        first = moves[groups[shard]]
        moves[groups[shard]] = Move(first.shard, first.size + int(size or 0), first.source, first.target)
    return list(moves.values())


def move(session: Coordinator, one: Move, *, waits: Wait) -> None:
    """Carry one move out.

    Raises
    ------
    Busy
        Writers held the shard all the while.
    DeadlineExceeded
        It took far too long and was ended; nothing has changed.
    """
    patiently(
        session,
        "SELECT citus_move_shard_placement(%s, %s, %s, %s, %s, 'force_logical')",
        [one.shard, one.source.host, one.source.port, one.target.host, one.target.port],
        deadline_s=patience_for(one.size),
        waits=waits,
        what=str(one),
    )


def patience_for(size: int) -> float:
    """Seconds after which something is wrong with a move of so many bytes."""
    return _PATIENCE_S + size / _SLOWEST_BYTES_PER_S


def patiently(
    session: Coordinator,
    query: str,
    values: list[Any],
    *,
    deadline_s: float,
    waits: Wait,
    what: str,
) -> list[tuple[Any, ...]]:
    """A statement that needs a lock that writers hold; tried again after a pause, in which they go on.

    Raises
    ------
    Busy
        It could not be had.
    """
    session.ask(f"SET lock_timeout = '{LOCK_PATIENCE_S}s'")
    try:
        for turn in range(1, _TRIES + 1):
            try:
                return session.ask(query, values, deadline_s=deadline_s)
            except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
                said = str(error).strip().splitlines()[0]
                waits(f"{what} waits for others to finish ({said}), try {turn} of {_TRIES}")
                time.sleep(min(2.0 ** (turn - 1), _LONGEST_PAUSE_S))
    finally:
        with suppress(psycopg2.Error, ShardingError):  # a session that is lost needs no settings
            session.ask("SET lock_timeout = 0")
    raise Busy(f"{what} was in use all the while (by a load, perhaps): run this again when it is not")


def make_ready(session: Coordinator) -> None:
    """Clear up after what broke off before, and give each node its copy of the tables that all have."""
    clear_leftovers(session)
    session.ask("SELECT replicate_reference_tables('force_logical')", deadline_s=_PLANNING_S)


def clear_leftovers(session: Coordinator) -> None:
    """Drop what moved shards and broken-off moves have left, except what a reader still uses."""
    with suppress(psycopg2.Error, ShardingError):  # Citus does it by itself as well, once a minute
        session.ask("CALL citus_cleanup_orphaned_resources()")
