"""How large the shards of one colocated group are and where they lie, asked of each node itself.

A shard group is one shard of each colocated table: rows of the same keys, always together on one node.
Nodes are asked at the same time and directly, so that one that is away costs its own sizes only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg2

from sharding.coordinator import Coordinator, looking
from sharding.deadlines import ShardingError
from sharding.placement import Node

_LOOKING_S = 15.0


@dataclass(frozen=True, slots=True)
class ShardGroup:
    """One shard of each colocated table, named by the shard of the first.

    low, high : the range of the hashes of its keys; equal where it holds one key alone
    size : bytes with indexes; None where its node does not answer
    """

    shard: int
    low: int
    high: int
    node: Node
    size: int | None

    @property
    def is_own(self) -> bool:
        """Whether it holds the rows of one key alone."""
        return self.low == self.high


def shard_groups(session: Coordinator, parameters: Mapping[str, Any], table: str) -> list[ShardGroup]:
    """The groups of the tables that are colocated with `table`, by range."""
    rows = session.ask(
        """
        SELECT first.shardid, first.shardminvalue::int, first.shardmaxvalue::int,
               n.nodename, n.nodeport, n.groupid = 0,
               array_agg(quote_ident(c.relname || '_' || s.shardid))
        FROM pg_dist_partition mine
        JOIN pg_dist_shard first ON first.logicalrelid = mine.logicalrelid
        JOIN pg_dist_placement p ON p.shardid = first.shardid
        JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
        JOIN pg_dist_partition t ON t.colocationid = mine.colocationid
        JOIN pg_dist_shard s ON s.logicalrelid = t.logicalrelid AND s.shardminvalue = first.shardminvalue
        JOIN pg_class c ON c.oid = t.logicalrelid
        WHERE mine.logicalrelid = to_regclass(%s)
        GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 2
        """,
        [table],
    )
    names: dict[Node, list[str]] = {}
    for *_, host, port, coordinator, tables in rows:
        names.setdefault(Node(host, port, coordinator), []).extend(tables)
    with ThreadPoolExecutor(max_workers=max(1, len(names))) as threads:
        found = threads.map(lambda item: _sizes(parameters, *item), names.items())
        sizes = dict(zip(names, found, strict=True))
    groups = []
    for shard, low, high, host, port, coordinator, tables in rows:
        node = Node(host, port, coordinator)
        theirs = sizes[node]
        size = None if theirs is None else sum(theirs.get(name, 0) for name in tables)
        groups.append(ShardGroup(shard, low, high, node, size))
    return groups


def of_node(parameters: Mapping[str, Any], node: Node) -> dict[str, Any]:
    """What `psycopg2.connect` takes to reach a node; the coordinator at its own address."""
    return dict(parameters) if node.coordinator else {**parameters, "host": node.host, "port": node.port}


def by_node(groups: Sequence[ShardGroup]) -> dict[Node, int]:
    """Bytes on each node that holds a group, as far as they are known."""
    totals: dict[Node, int] = {}
    for one in groups:
        totals[one.node] = totals.get(one.node, 0) + (one.size or 0)
    return totals


def _sizes(parameters: Mapping[str, Any], node: Node, names: Sequence[str]) -> dict[str, int] | None:
    """Bytes of tables on one node by name; None where it does not answer."""
    try:
        with looking(of_node(parameters, node), "gridgis cluster status") as session:
            return dict(
                session.ask(
                    "SELECT name, pg_total_relation_size(to_regclass(name)) FROM unnest(%s::text[]) name"
                    " WHERE to_regclass(name) IS NOT NULL",
                    [list(names)],
                    deadline_s=_LOOKING_S,
                )
            )
    except (psycopg2.Error, ShardingError):
        return None
