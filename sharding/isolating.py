"""A shard of its own for a key with many rows, made while it is read and written.

Online, a shard can only be split onto another node. Where a part of it stays on its node, Citus makes that
part's primary key after it has begun to follow the changes, and an UPDATE or DELETE that falls between the
two can never be applied: the split waits for ever. On another node the keys are there before. So the shard is
split and moved in one step; a cluster of one node, which has no other, blocks the writers of that shard while
it copies, for a few seconds at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sharding.coordinator import Coordinator
from sharding.deadlines import DeadlineExceeded, ShardingError
from sharding.membership import holding, registered
from sharding.moving import Wait, patience_for, patiently
from sharding.placement import Node
from sharding.sizes import ShardGroup, by_node, shard_groups

BLOCKED_S = 20.0


class CannotIsolate(ShardingError):
    """The key cannot get a shard of its own in this way."""


@dataclass(frozen=True, slots=True)
class Isolated:
    """What became of one key: `node` holds its shard; `already` where it had one of its own before."""

    key: str
    node: Node
    already: bool = False


def isolate(
    session: Coordinator, parameters: Mapping[str, Any], table: str, key: str, *, waits: Wait
) -> Isolated:
    """Give a key a shard of its own in the group of `table`; does nothing where it has one.

    Raises
    ------
    CannotIsolate
        Copying it took so long that writers would have had to wait too long.
    """
    groups = shard_groups(session, parameters, table)
    shard = session.one("SELECT get_shard_id_for_distribution_column(%s::regclass, %s)", [table, key])
    mine = next(one for one in groups if one.shard == shard)
    if mine.is_own:
        return Isolated(key, mine.node, already=True)
    target = _target(session, groups, mine)
    if target is None:
        _split_in_place(session, table, key, waits)
        return Isolated(key, mine.node)
    number = {node: number for number, node in registered(session).items()}[target]
    points = _split_points(session, mine, key)
    patiently(
        session,
        "SELECT citus_split_shard_by_split_points(%s, %s::text[], %s::int[], 'force_logical')",
        [shard, points, [number] * (len(points) + 1)],
        deadline_s=patience_for(mine.size or 0),
        waits=waits,
        what=f"splitting shard {shard}",
    )
    return Isolated(key, target)


def largest_keys(session: Coordinator, table: str, column: str, number: int) -> list[str]:
    """The keys with the most rows in a table, the largest first; asks all shards."""
    rows = session.ask(
        f'SELECT "{column}" FROM "{table}" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s', [number]
    )
    return [str(key) for (key,) in rows]


def _target(session: Coordinator, groups: Sequence[ShardGroup], mine: ShardGroup) -> Node | None:
    """The node with the least data that the shard could go to; None where there is no other."""
    loads = by_node(groups)
    others = [node for node in holding(session) if node != mine.node]
    return min(others, key=lambda node: (loads.get(node, 0), node), default=None)


def _split_points(session: Coordinator, mine: ShardGroup, key: str) -> list[str]:
    """The last hash of each part but the last."""
    value = int(session.one("SELECT worker_hash(%s::text)", [key]))
    return [str(point) for point in (value - 1, value) if mine.low <= point < mine.high]


def _split_in_place(session: Coordinator, table: str, key: str, waits: Wait) -> None:
    try:
        patiently(
            session,
            "SELECT isolate_tenant_to_new_shard(%s::regclass, %s, 'CASCADE', 'block_writes')",
            [table, key],
            deadline_s=BLOCKED_S,
            waits=waits,
            what=f"splitting the shard of {key}",
        )
    except DeadlineExceeded as error:
        raise CannotIsolate(
            f"{key} would have blocked the writers of its shard for more than {BLOCKED_S:g} s, and nothing "
            f"was changed: add a node first, then nobody has to wait"
        ) from error
