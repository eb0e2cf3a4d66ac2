"""Which servers the engine's database is spread over: a coordinator made, nodes added and taken out.

Every change may be repeated; a server is looked at before anything is done to it.
"""

from __future__ import annotations

from typing import Any

from gis_service.errors import Conflict, InvalidInput
from gis_service.store.cluster_session import changing, has_citus, known_node
from gis_service.store.database import connection_parameters
from gis_service.store.database import session as plain_session
from gis_service.store.late_indexes import build_missing_indexes
from gis_service.store.spreading import spread
from sharding import membership, moving, requirements
from sharding.coordinator import Coordinator, looking
from sharding.deadlines import Unreachable
from sharding.placement import Node
from sharding.sizes import of_node

__all__ = ["Node", "add_node", "make_coordinator", "remove_node", "spread_grid"]


def make_coordinator(host: str | None, port: int | None) -> list[str]:
    """Make the server of the engine's database a coordinator; what was done, a sentence each.

    host, port : where other nodes find it; None: as in the engine's address

    Raises
    ------
    InvalidInput
        Naming all that the server lacks.
    """
    done: list[str] = []
    with changing("init", citus=False) as session:
        parameters = connection_parameters()
        missing = requirements.lacks(requirements.look_at(session))
        if missing:
            raise InvalidInput(f"this server cannot be a coordinator: {'; '.join(missing)}")
        if not has_citus(session):
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
    with changing("init"), plain_session() as held:
        return spread(held)


def add_node(node: Node) -> list[str]:
    """Make a server a worker, or let one that was drained hold shards again; what was done, a sentence each.

    Raises
    ------
    InvalidInput
        It does not let us in; or naming all that it lacks.
    """
    done: list[str] = []
    with changing("add-node") as session:
        parameters = connection_parameters()
        known = known_node(session, node)
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
    with changing("remove-node", all_nodes=False) as session:
        known = known_node(session, node)
        if known is None:
            return False
        if known.coordinator:
            raise Conflict(f"{node} is the coordinator, and a cluster cannot be without it")
        moving.clear_leftovers(session)
        if shards := membership.shards_on(session, known):
            raise Conflict(f"{node} holds {shards} shards: gridgis cluster drain-node {node} first")
        membership.remove_worker(session, known)
    return True


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
