"""The cluster under the engine's database, changed and looked at: what `gridgis cluster` does.

Knows which tables are the grid's and how failures read; nodes, shards and moves are the business of
`sharding`. Every change may be repeated, and what is done stays done when a command is interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import errors

from gis_service.errors import Conflict, GridError, InvalidInput, NotReady
from gis_service.store.database import connection_parameters, in_our_words
from gis_service.store.database import session as plain_session
from gis_service.store.late_indexes import build_missing_indexes
from gis_service.store.spreading import COUNTY_COLUMN, FIRST_TABLE, spread
from gis_service.store.versions import county_versions
from sharding import isolating, membership, moving, requirements
from sharding.coordinator import Busy, Coordinator, alone, looking
from sharding.deadlines import ShardingError, Unreachable
from sharding.isolating import CannotIsolate, Isolated
from sharding.moving import Move
from sharding.overview import Overview, survey
from sharding.placement import Node, answering
from sharding.sizes import of_node

__all__ = [
    "Isolated",
    "Move",
    "Node",
    "Overview",
    "add_node",
    "drain",
    "isolate",
    "largest_counties",
    "make_coordinator",
    "overview",
    "rebalance",
    "remove_node",
    "spread_grid",
]

Tell = Callable[[str], None]
Moved = Callable[[int, int, Move], None]
"""Is told which move of how many is about to begin."""

NO_CLUSTER = (
    "the engine's database is plain PostGIS and has no nodes: install the Citus extension beside it and run "
    "gridgis cluster init, or try a cluster out with gridgis cluster local"
)


def make_coordinator(host: str | None, port: int | None) -> list[str]:
    """Make the server of the engine's database a coordinator; what was done, a sentence each.

    host, port : where other nodes find it; None: as in the engine's address

    Raises
    ------
    InvalidInput
        Naming all that the server lacks.
    """
    done: list[str] = []
    with _changing("init", citus=False) as session:
        parameters = connection_parameters()
        missing = requirements.lacks(requirements.look_at(session))
        if missing:
            raise InvalidInput(f"this server cannot be a coordinator: {'; '.join(missing)}")
        if not _has_citus(session):
            session.ask("CREATE EXTENSION citus")
            done.append("the extension citus is there")
        _let_in(session, parameters)
        before = membership.registered(session)
        address = (
            host or str(parameters.get("host", "localhost")),
            port or int(parameters.get("port") or 5432),
        )
        known = next((node for node in before.values() if node.coordinator), None)
        if known is None or ((host or port) and known != Node(*address, coordinator=True)):
            membership.make_coordinator(session, *address, alone=len(before) < 2)
            done.append(f"the coordinator is known to its workers as {address[0]}:{address[1]}")
    return done


def spread_grid() -> bool:
    """Spread a grid that is on the coordinator whole; False where it is spread already.

    Raises
    ------
    Busy, NotReady
    """
    build_missing_indexes()
    with _changing("init"), plain_session() as held:
        return spread(held)


def add_node(node: Node) -> list[str]:
    """Make a server a worker, or let one that was drained hold shards again; what was done, a sentence each.

    Raises
    ------
    InvalidInput
        It does not let us in; or naming all that it lacks.
    """
    done: list[str] = []
    with _changing("add-node") as session:
        parameters = connection_parameters()
        known = _known(session, node)
        if known is None:
            theirs = of_node(parameters, node)
            try:
                done += _prepare(session, theirs, node)
            except Unreachable as error:
                raise InvalidInput(f"{node} does not let us in: {error}") from error
            membership.add_worker(session, node.host, node.port)
            moving.make_ready(session)
            done.append(f"{node} is a node")
        elif known not in membership.holding(session):
            membership.hold_shards(session, known, True)
            done.append(f"{node} may hold shards again")
    return done


def remove_node(node: Node) -> bool:
    """Take a node without shards out of the cluster; False where it is none of it.

    Raises
    ------
    Conflict
        It still holds shards, or is the coordinator.
    """
    with _changing("remove-node", all_nodes=False) as session:
        known = _known(session, node)
        if known is None:
            return False
        if known.coordinator:
            raise Conflict(f"{node} is the coordinator, and a cluster cannot be without it")
        moving.clear_leftovers(session)
        if shards := membership.shards_on(session, known):
            raise Conflict(f"{node} holds {shards} shards: gridgis cluster drain-node {node} first")
        membership.remove_worker(session, known)
    return True


def rebalance(*, begins: Moved, waits: Tell) -> list[Move]:
    """Move shards until the nodes hold about the same; the moves that were made."""
    with _changing("rebalance") as session:
        moving.make_ready(session)
        return _carry_out(session, moving.plan(session), begins, waits)


def drain(node: Node, *, begins: Moved, waits: Tell) -> list[Move]:
    """Move all shards of a node to the others; the moves that were made.

    Raises
    ------
    InvalidInput
        The cluster has no such node, or no other that could hold shards.
    """
    with _changing("drain-node") as session:
        known = _known(session, node)
        if known is None:
            raise InvalidInput(_no_such_node(session, node))
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
    with _changing("isolate") as session:
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
    with _looking("isolate") as session:
        return isolating.largest_keys(session, FIRST_TABLE, COUNTY_COLUMN, number)


def overview() -> Overview:
    """What the cluster looks like now."""
    with _looking("status") as session:
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


def _prepare(session: Coordinator, theirs: dict[str, Any], node: Node) -> list[str]:
    """Give a server what a node needs, after looking whether it can be one; what was done."""
    done: list[str] = []
    database = str(theirs["dbname"])
    with looking({**theirs, "dbname": "postgres"}, "gridgis cluster add-node") as server:
        missing = requirements.lacks(requirements.look_at(server))
        if not missing and not server.one("SELECT true FROM pg_database WHERE datname = %s", [database]):
            server.ask(f'CREATE DATABASE "{database}" TEMPLATE template0')
            done.append(f"the database {database} is made on {node}")
    if missing:
        raise InvalidInput(f"{node} cannot be a node yet: {'; '.join(missing)}")
    with looking(theirs, "gridgis cluster add-node") as server:
        differ = requirements.differences(requirements.look_at(server), requirements.look_at(session))
        if differ:
            raise InvalidInput(f"{node} cannot be a node beside this coordinator: {'; '.join(differ)}")
        present = [name for (name,) in server.ask("SELECT extname::text FROM pg_extension")]
        if "citus" not in present:
            server.ask("CREATE EXTENSION citus")
            done.append(f"the extension citus is there on {node}")
        elif server.one("SELECT EXISTS (SELECT FROM pg_dist_node)"):
            raise InvalidInput(
                f"{node} is a node of another cluster, or was one of this: to use it, drop the database "
                f"{database} there (WITH (FORCE))"
            )
        _let_in(server, theirs)
    return done


def _let_in(session: Coordinator, parameters: dict[str, Any]) -> None:
    if parameters.get("password"):
        membership.let_nodes_in(session, str(parameters["user"]), str(parameters["password"]))


def _known(session: Coordinator, node: Node) -> Node | None:
    """The node of this address as the cluster knows it."""
    nodes = membership.registered(session).values()
    return next((one for one in nodes if (one.host, one.port) == (node.host, node.port)), None)


def _no_such_node(session: Coordinator, node: Node) -> str:
    there = ", ".join(str(one) for one in membership.registered(session).values())
    return f"the cluster has no node {node}; it has: {there}"


def _has_citus(session: Coordinator) -> bool:
    return bool(session.one("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"))


@contextmanager
def _changing(verb: str, *, citus: bool = True, all_nodes: bool = True) -> Iterator[Coordinator]:
    """The one session that changes the cluster, its errors in our words; `all_nodes`: each has to answer."""
    with _in_our_words(), alone(connection_parameters(), f"gridgis cluster {verb}") as session:
        if citus:
            _require_cluster(session)
            if all_nodes:
                _require_answers(session)
        yield session


@contextmanager
def _looking(verb: str) -> Iterator[Coordinator]:
    with _in_our_words(), looking(connection_parameters(), f"gridgis cluster {verb}") as session:
        _require_cluster(session)
        yield session


def _require_cluster(session: Coordinator) -> None:
    if not _has_citus(session):
        raise InvalidInput(NO_CLUSTER)
    if not membership.registered(session):
        raise InvalidInput("the extension citus is there and no coordinator is named: gridgis cluster init")


def _require_answers(session: Coordinator) -> None:
    """Refuse before anything waits for a node that is away."""
    answers = answering(list(membership.registered(session).values()), connection_parameters())
    if away := [str(node) for node, up in answers.items() if not up]:
        raise NotReady(f"{', '.join(away)} does not answer, and the cluster is changed when all its nodes do")


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except GridError:
        raise
    except (Busy, CannotIsolate) as error:
        raise Conflict(str(error)) from error
    except errors.InsufficientPrivilege as error:
        said = str(error).strip().splitlines()[0]
        raise InvalidInput(f"the role of the engine's address may not do this ({said})") from error
    except (psycopg2.Error, ShardingError) as error:
        found = in_our_words(error)
        raise NotReady(f"{found} (what was done before stays; run the command again)") from error
