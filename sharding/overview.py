"""What a cluster looks like now: nodes, shards, their sizes, who is away, what is moving.

Reads and changes nothing. What a node that is away would have told is told as not known, and never guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg2

from sharding.coordinator import Coordinator, at_work, looking
from sharding.deadlines import ShardingError
from sharding.membership import holding, registered
from sharding.placement import Node, answering
from sharding.sizes import ShardGroup, of_node, shard_groups

_QUICK_S = 5.0


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node; `holds`: it is meant to hold shards, `prepared`: undecided writes, None if not known."""

    node: Node
    answers: bool
    holds: bool
    prepared: int | None


@dataclass(frozen=True, slots=True)
class Moving:
    """A shard on its way, `copied` bytes of `size` there."""

    shard: int
    source: str
    target: str
    size: int
    copied: int
    state: str


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole.

    groups : by range of hashes
    shard_of : the shard of each key
    at_work : who is changing the cluster, in a few words
    moving : None where it could not be found out
    leftovers : shards and other things that are still to be dropped
    """

    nodes: list[NodeState]
    groups: list[ShardGroup]
    shard_of: dict[str, int]
    at_work: str
    moving: list[Moving] | None
    leftovers: int


def survey(
    session: Coordinator, parameters: Mapping[str, Any], table: str, keys: Collection[str]
) -> Overview:
    """How the group of `table` lies, and where its keys are."""
    nodes = list(registered(session).values())
    meant = set(holding(session))
    answers = answering(nodes, parameters)
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as threads:
        counts = threads.map(lambda node: _prepared(parameters, node) if answers[node] else None, nodes)
        states = [
            NodeState(node, answers[node], node in meant, prepared)
            for node, prepared in zip(nodes, counts, strict=True)
        ]
    rows = session.ask(
        "SELECT key, get_shard_id_for_distribution_column(to_regclass(%s), key) FROM unnest(%s::text[]) key"
        " WHERE EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass(%s))",
        [table, sorted(keys), table],
    )
    return Overview(
        nodes=sorted(states, key=lambda one: (not one.node.coordinator, one.node)),
        groups=shard_groups(session, parameters, table),
        shard_of=dict(rows),
        at_work=at_work(session),
        moving=_moving(session) if all(answers.values()) else None,
        leftovers=int(session.one("SELECT count(*) FROM pg_dist_cleanup")),
    )


def _moving(session: Coordinator) -> list[Moving] | None:
    """What Citus tells of moves under way, the tables of a group summed; None where a node does not tell."""
    try:
        rows = session.ask(
            """
            SELECT min(shardid), sourcename || ':' || sourceport, targetname || ':' || targetport,
                   sum(source_shard_size)::bigint, sum(target_shard_size)::bigint, min(status)
            FROM get_rebalance_progress() WHERE progress = 1 GROUP BY sessionid, 2, 3 ORDER BY 1
            """,
            deadline_s=_QUICK_S,
        )
    except (psycopg2.Error, ShardingError):
        return None
    return [Moving(*row) for row in rows]


def _prepared(parameters: Mapping[str, Any], node: Node) -> int | None:
    """Writes that a node has prepared and not decided, in this database; None where it does not tell."""
    try:
        with looking(of_node(parameters, node), "gridgis cluster status") as session:
            count = session.one(
                "SELECT count(*) FROM pg_prepared_xacts"
                " WHERE gid LIKE 'citus_%%' AND database = current_database()",
                deadline_s=_QUICK_S,
            )
            return int(count)
    except (psycopg2.Error, ShardingError):
        return None
