"""Which node holds a county, and which nodes answer.

Reads Citus' metadata; on plain PostGIS there is one node, which holds everything. Whether a node answers is
asked of the node itself, because the metadata keeps calling a dead node active.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import extensions

from sharding.distribute import is_citus


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """One database server; `coordinator` is the one that is asked for everything."""

    host: str
    port: int
    coordinator: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the rows of one county are; `shard` 0 on plain PostGIS."""

    shard: int
    node: Node


def nodes(cursor: extensions.cursor) -> list[Node]:
    """All nodes, the coordinator first, then by host and port."""
    if not is_citus(cursor):
        return [_only_node(cursor)]
    cursor.execute("SELECT nodename, nodeport, groupid = 0 FROM pg_dist_node WHERE noderole = 'primary'")
    return sorted((Node(*row) for row in cursor.fetchall()), key=lambda one: (not one.coordinator, one))


def placements(cursor: extensions.cursor, table: str, keys: Collection[str]) -> dict[str, Placement]:
    """Where the rows of `table` with each of these distribution keys are, also of keys without rows."""
    listed = sorted(keys)
    if not is_citus(cursor):
        return dict.fromkeys(listed, Placement(0, _only_node(cursor)))
    cursor.execute(
        """
        SELECT key, shard, n.nodename, n.nodeport, n.groupid = 0
        FROM (SELECT key, get_shard_id_for_distribution_column(%s::regclass, key) AS shard
              FROM unnest(%s::text[]) AS key) AS wanted
        JOIN pg_dist_placement p ON p.shardid = wanted.shard
        JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
        ORDER BY key
        """,
        [table, listed],
    )
    return {key: Placement(shard, Node(*node)) for key, shard, *node in cursor.fetchall()}


def answering(
    asked: Sequence[Node], parameters: Mapping[str, Any], *, timeout_s: int = 2
) -> dict[Node, bool]:
    """Whether each node lets us in and answers within about `timeout_s`, all asked at the same time.

    `parameters` are those of the coordinator's connection; the coordinator is asked at its own address.
    """
    with ThreadPoolExecutor(max_workers=max(1, len(asked))) as threads:
        answers = threads.map(lambda one: _answers(one, parameters, timeout_s), asked)
        return dict(zip(asked, answers, strict=True))


def _answers(node: Node, parameters: Mapping[str, Any], timeout_s: int) -> bool:
    address = {} if node.coordinator else {"host": node.host, "port": node.port}
    try:
        # libpq's timeout holds until the server is ready for a query, which a frozen one never is.
        psycopg2.connect(**{**parameters, **address, "connect_timeout": max(2, timeout_s)}).close()
    except psycopg2.OperationalError:
        return False
    return True


def _only_node(cursor: extensions.cursor) -> Node:
    info = cursor.connection.info
    return Node(info.host or "local", info.port, coordinator=True)
