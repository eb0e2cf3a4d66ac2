"""Sessions for work on the cluster under the engine's database: what it must be, how its failures read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import errors

from gis_service.errors import Conflict, GridError, InvalidInput, NotReady
from gis_service.store.database import connection_parameters, in_our_words
from sharding import membership
from sharding.coordinator import Busy, Coordinator, alone, looking
from sharding.deadlines import ShardingError
from sharding.isolating import CannotIsolate
from sharding.placement import Node, answering

NO_CLUSTER = (
    "the engine's database is plain PostGIS and has no nodes: install the Citus extension beside it and run "
    "gridgis cluster init, or try a cluster out with gridgis cluster local"
)


def known_node(session: Coordinator, node: Node) -> Node | None:
    """The node of this address as the cluster knows it."""
    nodes = membership.registered(session).values()
    return next((one for one in nodes if (one.host, one.port) == (node.host, node.port)), None)


def no_such_node(session: Coordinator, node: Node) -> str:
    """A sentence that names the nodes that there are."""
    there = ", ".join(str(one) for one in membership.registered(session).values())
    return f"the cluster has no node {node}; it has: {there}"


def has_citus(session: Coordinator) -> bool:
    """Whether the engine's database has the extension."""
    return bool(session.one("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"))


@contextmanager
def changing(verb: str, *, citus: bool = True, all_nodes: bool = True) -> Iterator[Coordinator]:
    """The one session that changes the cluster, its errors in our words; `all_nodes`: each has to answer."""
    with _in_our_words(), alone(connection_parameters(), f"gridgis cluster {verb}") as session:
        if citus:
            _require_cluster(session)
            if all_nodes:
                _require_answers(session)
        yield session


@contextmanager
def looking_on(verb: str) -> Iterator[Coordinator]:
    """A session that changes nothing, its errors in our words."""
    with _in_our_words(), looking(connection_parameters(), f"gridgis cluster {verb}") as session:
        _require_cluster(session)
        yield session


def _require_cluster(session: Coordinator) -> None:
    if not has_citus(session):
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
