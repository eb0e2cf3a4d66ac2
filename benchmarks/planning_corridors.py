"""The nearest attach points along corridors, in a graph of a million edges: ours beside pgRouting and scipy.

Streets in a jittered square mesh, 100 m apart; one vertex in forty is an attach point. Asked for are the
three cheapest of those within 2 km along corridors, and what the way to each costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import Any

import numpy as np
from psycopg2.extensions import connection
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from benchmarks.pairing import Ask, Contest, LeftOut, quickest
from benchmarks.server import connect, database, has_extension, server
from benchmarks.setting import Setting
from gis_service.kernels.arcs import Arcs, build_arcs
from gis_service.kernels.compiled import B1, F64, I32
from gis_service.kernels.nearest import Nearby
from gis_service.kernels.pareto_routes import pareto_routes

NAMES = ("planning-attach-pgrouting", "planning-attach-scipy", "planning-routes")
SIDE, QUICK_SIDE = 710, 100
APART_M, REACH_M, K = 100.0, 2_000.0, 3
QUESTIONS = 60
EDITION = "1"


@dataclass(frozen=True)
class Streets:
    """Vertices row by row, the edges between neighbours, and which vertices are attach points."""

    xy: F64
    edge_from: I32
    edge_to: I32
    length: F64
    attach: B1
    arcs: Arcs


def streets_of(side: int) -> Streets:
    """A mesh of `side` by `side` vertices."""
    draw = np.random.default_rng(5)
    column, row = np.meshgrid(np.arange(side), np.arange(side))
    xy = np.column_stack([column.ravel(), row.ravel()]) * APART_M + draw.uniform(-30, 30, (side * side, 2))
    number = np.arange(side * side).reshape(side, side)
    edge_from = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()]).astype(np.int32)
    edge_to = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()]).astype(np.int32)
    bend = draw.uniform(1.0, 1.3, edge_from.size)
    length = np.round(np.hypot(*(xy[edge_from] - xy[edge_to]).T) * bend, 3)
    attach = draw.random(side * side) < 1 / 40
    return Streets(xy, edge_from, edge_to, length, attach, build_arcs(side * side, edge_from, edge_to))


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """Beside pgr_dijkstraNear on the edges in a box, and beside scipy's dijkstra with a limit."""
    streets = streets_of(QUICK_SIDE if setting.quick else SIDE)
    starts = _starts(streets, setting.some(QUESTIONS))
    work = (
        f"the {K} nearest of {np.count_nonzero(streets.attach):,} attach points within {REACH_M:,.0f} m "
        f"along {streets.length.size:,} corridors"
    )
    best, theirs = quickest(_scipy(streets, within_reach=True), starts[:4], _same)
    yield Contest(
        name=NAMES[2],
        work=f"all of {np.count_nonzero(streets.attach):,} attach points within {REACH_M:,.0f} m along "
        f"{streets.length.size:,} corridors, by the search for cost and length at once",
        peer=best,
        ours=by_two_measures(streets),
        theirs=theirs,
        questions=starts,
        same=_same,
        goal=2.0,
    )
    best, theirs = quickest(_scipy(streets), starts[:4], _same)
    yield Contest(
        name=NAMES[1],
        work=work,
        peer=best,
        ours=ours(streets),
        theirs=theirs,
        questions=starts,
        same=_same,
        goal=2.0,
    )
    with server(setting) as cluster:
        dsn = database(
            cluster,
            f"corridors_{streets.length.size}",
            edition=EDITION,
            fill=lambda session: _fill(session, streets),
            setting=setting,
        )
        if not has_extension(dsn, "pgrouting"):
            yield LeftOut(NAMES[0], "pgRouting is not installed: apt-get install postgresql-15-pgrouting")
            return
        with closing(connect(dsn)) as session:
            best, theirs = quickest(_pgrouting(streets, session), starts[:4], _same)
            yield Contest(
                name=NAMES[0],
                work=work,
                peer=best,
                ours=ours(streets),
                theirs=theirs,
                questions=starts[: setting.some(20)],
                same=_same,
                goal=120.0,
            )


def ours(streets: Streets) -> Ask:
    """The search by length alone, which ends when enough places are reached.

    Schemes ask by it how far a place beyond the reach is; routes, which are to be cheap and short at once,
    come from `by_two_measures`.
    """
    nearby = Nearby(streets.arcs, streets.length)

    def ask(start: int) -> list[tuple[int, float]]:
        vertex, far = nearby.nearest(streets.attach, np.array([start]), np.zeros(1), most=K, reach=REACH_M)
        return list(zip(vertex.tolist(), far.tolist(), strict=True))

    return ask


def by_two_measures(streets: Streets) -> Ask:
    """The search that routes of schemes come from, to all attach points within reach."""

    def ask(start: int) -> list[tuple[int, float]]:
        found = pareto_routes(
            streets.arcs,
            cost=streets.length,
            length=streets.length,
            seeds=np.array([start]),
            seed_cost=np.zeros(1),
            seed_length=np.zeros(1),
            reach=REACH_M,
            most=400_000,
        )
        there = np.flatnonzero(streets.attach[found.vertex])
        return list(zip(found.vertex[there].tolist(), found.cost[there].tolist(), strict=True))

    return ask


def _same(answer: Any) -> list[tuple[int, float]]:
    return sorted((int(vertex), round(float(cost), 3)) for vertex, cost in answer)


def _starts(streets: Streets, number: int) -> list[int]:
    draw = np.random.default_rng(6)
    inside = np.all((streets.xy > 3_000) & (streets.xy < streets.xy.max() - 3_000), axis=1)
    chosen: list[int] = draw.choice(np.flatnonzero(inside & ~streets.attach), number, replace=False).tolist()
    return chosen


def _scipy(streets: Streets, *, within_reach: bool = False) -> dict[str, Ask]:
    """The nearest few, or all within reach."""
    n = len(streets.xy)
    ends = (streets.edge_from, streets.edge_to)
    both = csr_array((np.tile(streets.length, 2), (np.r_[ends[0], ends[1]], np.r_[ends[1], ends[0]])), (n, n))
    once = csr_array((streets.length, ends), (n, n))
    attach = np.flatnonzero(streets.attach)

    def asked(graph: Any, directed: bool) -> Ask:
        def ask(start: int) -> list[tuple[int, float]]:
            far = dijkstra(graph, directed=directed, indices=start, limit=REACH_M)[attach]
            nearest = np.flatnonzero(np.isfinite(far)) if within_reach else np.argpartition(far, K)[:K]
            return [(int(attach[k]), float(far[k])) for k in nearest if np.isfinite(far[k])]

        return ask

    return {
        "scipy dijkstra with a limit, arcs both ways": asked(both, True),
        "scipy dijkstra with a limit, undirected": asked(once, False),
    }


def _fill(session: connection, streets: Streets) -> None:
    with session.cursor() as cursor:
        cursor.execute(
            "CREATE EXTENSION IF NOT EXISTS postgis; CREATE EXTENSION IF NOT EXISTS pgrouting CASCADE"
        )
        cursor.execute(
            "CREATE TABLE corridor (id int, source int, target int, cost float8, reverse_cost float8, "
            "x float8, y float8, geom geometry(LineString, 32650))"
        )
        rows = StringIO()
        for k, (a, b, metres) in enumerate(
            zip(streets.edge_from.tolist(), streets.edge_to.tolist(), streets.length.tolist(), strict=True)
        ):
            (ax, ay), (bx, by) = streets.xy[a].tolist(), streets.xy[b].tolist()
            line = f"SRID=32650;LINESTRING({ax} {ay},{bx} {by})"
            rows.write(f"{k}\t{a}\t{b}\t{metres}\t{metres}\t{ax}\t{ay}\t{line}\n")
        rows.seek(0)
        cursor.copy_expert("COPY corridor FROM STDIN", rows)
        cursor.execute("CREATE INDEX ON corridor USING gist (geom)")
        cursor.execute("CREATE TABLE attach (vertex int, geom geometry(Point, 32650))")
        points = StringIO(
            "".join(
                f"{k}\tSRID=32650;POINT({streets.xy[k, 0]} {streets.xy[k, 1]})\n"
                for k in np.flatnonzero(streets.attach).tolist()
            )
        )
        cursor.copy_expert("COPY attach FROM STDIN", points)
        cursor.execute("CREATE INDEX ON attach USING gist (geom)")
        for statement in ("CLUSTER corridor USING corridor_geom_idx", "VACUUM ANALYZE"):
            cursor.execute(statement)


def _pgrouting(streets: Streets, session: connection) -> dict[str, Ask]:
    cursor = session.cursor()

    def near(function: str, cost: str, group: str, start: int) -> Any:
        x, y = streets.xy[start].tolist()
        box = f"ST_MakeEnvelope({x - REACH_M}, {y - REACH_M}, {x + REACH_M}, {y + REACH_M}, 32650)"
        edges = f"SELECT id, source, target, cost, reverse_cost FROM corridor WHERE geom && {box}"
        cursor.execute(
            f"SELECT * FROM (SELECT end_vid, {cost} AS cost FROM {function}(%s, %s, "
            f"(SELECT array_agg(vertex) FROM attach WHERE geom && {box}), directed => false, cap => %s) "
            f"{group}) AS found WHERE cost <= %s",
            [edges, start, K, REACH_M],
        )
        return cursor.fetchall()

    return {
        "pgr_dijkstraNear on the edges in a box of twice the reach": partial(
            near, "pgr_dijkstraNear", "max(agg_cost)", "GROUP BY end_vid"
        ),
        "pgr_dijkstraNearCost on the edges in a box of twice the reach": partial(
            near, "pgr_dijkstraNearCost", "agg_cost", ""
        ),
    }
