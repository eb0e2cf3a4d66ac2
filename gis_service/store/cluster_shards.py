"""The shards of the grid, moved and looked at: what `gridgis cluster` does once there are nodes.

Knows which tables are the grid's; how a shard is moved or split is the business of `sharding`. Every change
may be repeated, and what is done stays done when a command is interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gis_service.errors import InvalidInput
from gis_service.store.cluster_session import changing, known_node, looking_on, no_such_node
from gis_service.store.database import connection_parameters
from gis_service.store.spreading import COUNTY_COLUMN, FIRST_TABLE
from gis_service.store.versions import county_versions
from sharding import isolating, membership, moving
from sharding.coordinator import Coordinator
from sharding.isolating import Isolated
from sharding.moving import Move
from sharding.overview import Overview, survey
from sharding.placement import Node

__all__ = ["Isolated", "Move", "Overview", "drain", "isolate", "largest_counties", "overview", "rebalance"]

Tell = Callable[[str], None]
Moved = Callable[[int, int, Move], None]
"""Is told which move of how many is about to begin."""


def rebalance(*, begins: Moved, waits: Tell) -> list[Move]:
    """Move shards until the nodes hold about the same; the moves that were made."""
    with changing("rebalance") as session:
        moving.make_ready(session)
        return _carry_out(session, moving.plan(session), begins, waits)


def drain(node: Node, *, begins: Moved, waits: Tell) -> list[Move]:
    """Move all shards of a node to the others; the moves that were made.

    Raises
    ------
    InvalidInput
        The cluster has no such node, or no other that could hold shards.
    """
    with changing("drain-node") as session:
        known = known_node(session, node)
        if known is None:
            raise InvalidInput(no_such_node(session, node))
        if not [one for one in membership.holding(session) if one != known]:
            raise InvalidInput(f"{node} is the only node that may hold shards: add another one first")
        membership.hold_shards(session, known, False)
        moving.make_ready(session)
        return _carry_out(session, moving.plan(session, draining=True), begins, waits)


def isolate(counties: Sequence[str], *, step: Callable[[Isolated], None], waits: Tell) -> None:
    """Give each of these counties a shard of its own.

    Raises
    ------
    InvalidInput
        A county is not loaded, or cannot be given one without blocking its writers for long.
    """
    with changing("isolate") as session:
        parameters = connection_parameters()
        unknown = sorted(set(counties) - county_versions().keys())
        if unknown:
            raise InvalidInput(f"no county {', '.join(unknown)} is loaded: load it first")
        moving.make_ready(session)
        for county in counties:
            step(isolating.isolate(session, parameters, FIRST_TABLE, county, waits=waits))
        moving.clear_leftovers(session)


def largest_counties(number: int) -> list[str]:
    """The counties with the most connectivity nodes, the largest first."""
    with looking_on("isolate") as session:
        return isolating.largest_keys(session, FIRST_TABLE, COUNTY_COLUMN, number)


def overview() -> Overview:
    """What the cluster looks like now."""
    with looking_on("status") as session:
        # asked past the shards: a node may be away
        made = session.one("SELECT to_regclass('county') IS NOT NULL")
        counties = [str(code) for (code,) in session.ask("SELECT code FROM county")] if made else []
        return survey(session, connection_parameters(), FIRST_TABLE, counties)


def _carry_out(session: Coordinator, moves: list[Move], begins: Moved, waits: Tell) -> list[Move]:
    for number, one in enumerate(moves, 1):
        begins(number, len(moves), one)
        moving.move(session, one, waits=waits)
    moving.clear_leftovers(session)
    return moves
