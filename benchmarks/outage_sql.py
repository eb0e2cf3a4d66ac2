"""Customers that a switch puts out: ours beside what PostgreSQL can do, dense keys on both sides.

Both sides are asked by the number of the edge and answer with the numbers of customers, in any order.
Ours is the compiled question on the engine's arrays; theirs is fetched by psycopg2 from a prepared statement.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
from psycopg2.extensions import connection

from benchmarks.dense_tables import fill
from benchmarks.pairing import Ask, Contest, LeftOut, quickest
from benchmarks.province import Ground, ground, province_edition
from benchmarks.server import connect, database, has_extension, server
from benchmarks.setting import Setting
from gis_service.kernels.compiled import I32
from gis_service.kernels.question import lost_in_question
from gis_service.tracing.change import Change
from gis_service.tracing.outs import NOTHING, Outs

NAMES = ("outage-switch-cte", "outage-feeder-cte", "outage-feeder-pgrouting", "outage-large-cte")
EDITION = "1"
SWITCHES, FEEDERS, LARGE = 400, 60, 12
_TRIED = 5

_TREE = """WITH RECURSIVE dark(node) AS (
    SELECT $1 {union} SELECT below.child FROM dark JOIN below ON below.node = dark.node
) SELECT {ids} FROM dark JOIN customer ON customer.node = dark.node"""
_ARCS = """WITH RECURSIVE dark(node) AS (
    SELECT $1 UNION SELECT arc.head FROM dark JOIN arc ON arc.tail = dark.node WHERE arc.edge <> $2
) SELECT {ids} FROM dark JOIN customer ON customer.node = dark.node"""
_CTES = {
    "undirected arcs, UNION": _ARCS.format(ids="customer.id"),
    "undirected arcs, UNION, ids as one array": _ARCS.format(ids="array_agg(customer.id)"),
    "supply tree, UNION ALL": _TREE.format(union="UNION ALL", ids="customer.id"),
    "supply tree, UNION ALL, ids as one array": _TREE.format(union="UNION ALL", ids="array_agg(customer.id)"),
    "supply tree, UNION": _TREE.format(union="UNION", ids="customer.id"),
}
_EDGES = "SELECT id, source, target, cost FROM edge WHERE feeder = {feeder}"
_ROUTED = {
    "pgr_drivingDistance": (
        "SELECT customer.id FROM pgr_drivingDistance('{edges}', {node}, 1e12, false) AS dark "
        "JOIN customer ON customer.node = dark.node"
    ),
    "pgr_breadthFirstSearch": (
        "SELECT customer.id FROM pgr_breadthFirstSearch('{edges}', {node}, directed => false) AS dark "
        "JOIN customer ON customer.node = dark.node"
    ),
    "pgr_connectedComponents": (
        "WITH parts AS MATERIALIZED (SELECT component, node FROM pgr_connectedComponents('{costed}')) "
        "SELECT customer.id FROM parts JOIN customer ON customer.node = parts.node "
        "WHERE parts.component = (SELECT component FROM parts WHERE node = {node})"
    ),
}


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """Random switches and feeder breakers beside recursive CTEs, feeder breakers beside pgRouting."""
    here = ground(setting, setting.customers)
    with server(setting) as cluster:
        dsn = database(
            cluster,
            f"outages_{setting.customers}",
            edition=f"{EDITION} {province_edition()}",
            fill=lambda session: fill(session, here),
            setting=setting,
        )
        with closing(connect(dsn)) as session:
            # on these tables anything but nested loops over the covering indexes reads too much
            session.cursor().execute(
                "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; "
                "SET enable_mergejoin = off"
            )
            yield from _beside_ctes(setting, here, session)
            yield _beside_pgrouting(setting, here, session, dsn)


def customers_lost(here: Ground) -> Ask:
    """Ours: the compiled question, from the edge that is taken out to the rows of the customers."""
    (held,), state = here.topology.held, here.state
    moved = state.moved_from(here.topology.switchgear.normal_open)

    def ask(edge: int) -> I32:
        return lost_in_question(held, state.open, moved, np.array([edge]))

    return ask


def customers_lost_by_change(here: Ground) -> Ask:
    """Ours with all that the engine's Python does around the compiled question, ids apart."""

    def ask(edge: int) -> I32:
        outs = Outs(NOTHING, np.array([edge]), NOTHING)
        lost, _ = Change(here.topology, here.state, outs=outs).lost_and_gained()
        return lost

    return ask


def as_rows(answer: Any) -> list[int]:
    """Customers in order, from an array, a list of tuples, or one tuple with a list."""
    if isinstance(answer, list) and len(answer) == 1 and not isinstance(answer[0][0], int):
        answer = answer[0][0] or []
    return sorted(np.asarray(answer, np.int64).ravel().tolist())


def _beside_ctes(setting: Setting, here: Ground, session: connection) -> Iterator[Contest | LeftOut]:
    switches = here.random_switches(setting.some(SWITCHES), seed=20)
    feeders = here.feeder_breakers(setting.some(FEEDERS), seed=21)
    large = here.large_breakers(setting.some(LARGE), seed=26)
    ways = _prepared(session, here)
    undirected = {name: ask for name, ask in ways.items() if name.startswith("undirected")}
    of = f"{here.topology.customer_node.size:,} customers"
    for asked, what, name, goal, mean in (
        (switches, "random closed switch", "outage-switch", 30.0, 50.0),
        (feeders, "feeder breaker", "outage-feeder", 500.0, None),
        (large, "breaker of 5,000 customers and more", "outage-large", None, None),
    ):
        if not asked:  # a small province has none
            yield LeftOut(f"{name}-cte", "this province has none; ask for more --customers")
            continue
        setting.say(f"{name}: trying the forms of the recursive CTE")
        best, theirs = quickest(ways, asked[:: max(1, len(asked) // _TRIED)], as_rows)
        general, general_theirs = quickest(undirected, asked[:: max(1, len(asked) // _TRIED)], as_rows)
        work = f"ids of the customers that a {what} puts out, {len(asked)} of them outside loops, {of}"
        peer = "recursive CTE on covering indexes, prepared, psycopg2"
        yield Contest(
            name=f"{name}-cte",
            work=work,
            peer=f"{peer}: {best}",
            ours=customers_lost(here),
            theirs=theirs,
            questions=asked,
            same=as_rows,
            goal=goal,
            mean_goal=mean,
        )
        yield Contest(
            name=f"{name}-cte-undirected",
            work=f"{work}; the peer knows no direction of supply, as after switching",
            peer=f"{peer}: {general}",
            ours=customers_lost(here),
            theirs=general_theirs,
            questions=asked,
            same=as_rows,
            mean_goal=None,
        )
        yield Contest(
            name=f"{name}-cte-python",
            work=f"{work}; ours through tracing.change",
            peer=f"{peer}: {best}",
            ours=customers_lost_by_change(here),
            theirs=theirs,
            questions=asked,
            same=as_rows,
        )


def _prepared(session: connection, here: Ground) -> dict[str, Ask]:
    cursor = session.cursor()

    def asking(statement: str) -> Ask:
        def ask(edge: int) -> Any:
            cursor.execute(f"EXECUTE {statement} ({below[edge]}, {edge})")
            return cursor.fetchall()

        return ask

    below = here.below.tolist()
    ways: dict[str, Ask] = {}
    for number, (name, query) in enumerate(_CTES.items()):
        cursor.execute(f"PREPARE outage_{number} (int, int) AS {query}")
        ways[name] = asking(f"outage_{number}")
    return ways


def _beside_pgrouting(setting: Setting, here: Ground, session: connection, dsn: str) -> Contest | LeftOut:
    name = "outage-feeder-pgrouting"
    if not has_extension(dsn, "pgrouting"):
        return LeftOut(name, "pgRouting is not installed: apt-get install postgresql-15-pgrouting")
    cursor = session.cursor()
    cursor.execute("CREATE EXTENSION IF NOT EXISTS pgrouting CASCADE")
    feeders = here.feeder_breakers(setting.some(FEEDERS), seed=21)
    feeder_of = dict(
        zip(
            (here.topology.feeders.head_row + here.topology.first_edge("switch")).tolist(),
            here.topology.feeders.head_of.tolist(),
            strict=True,
        )
    )

    def asking(query: str) -> Ask:
        def ask(edge: int) -> Any:
            edges = _EDGES.format(feeder=feeder_of[edge])
            costed = edges.replace("cost FROM", "1.0::float8 AS cost FROM")
            cursor.execute(query.format(edges=edges, costed=costed, node=below[edge]))
            return cursor.fetchall()

        return ask

    below = here.below.tolist()
    setting.say(f"{name}: trying the functions of pgRouting")
    ways = {way: asking(query) for way, query in _ROUTED.items()}
    best, theirs = quickest(ways, feeders[:_TRIED], as_rows)
    return Contest(
        name=name,
        work=f"ids of the customers that a feeder breaker puts out, {len(feeders)} of them",
        peer=f"{best} on the edges of the feeder, which an index finds",
        ours=customers_lost(here),
        theirs=theirs,
        questions=feeders,
        same=as_rows,
        goal=250.0,
    )
