"""Has compiled whatever questions and supply schemes need, by asking them of a grid of a few elements."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import shapely

from gis_service import store
from gis_service.checks import check_grid
from gis_service.engine.corridors import CorridorShelf
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.outage import Case
from gis_service.engine.outage_text import NO_EDGES, make_ready
from gis_service.engine.schemes import Planner, SchemeAsked
from gis_service.engine.traces import TraceAsked
from gis_service.network.switching import loaded_state
from gis_service.network.text import parse_grid
from gis_service.planning.corridors import lent_by_lines
from gis_service.planning.trees import Trees
from gis_service.tracing.change import moved, supplied_among

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

_SAMPLE = """
S source n1
Q breaker n1 n2 feeder=F
L line n2 n3
K load_break_switch n3 n4 normal_open open
M line n2 n3 A
T transformer n3 n5
D district T
C customer n5 A
"""


def warm_questions() -> None:
    """Ask every kind of question, and what is asked as operations are recorded and findings are made."""
    sample = _sample()
    for kind in ("upstream", "downstream", "connected", "subnetwork", "loops", "isolation"):
        sample.trace(TraceAsked(kind, ["L"], result=("elements", "customers")))
    sample.trace(TraceAsked("shortest_path", ["n1"], ["n3"]))
    sample.outage_impact(Case(out=["n3"], faults=["L"]), ())
    sample.outage_impact(Case(out=["Q"]), ())
    for include in ((), ("customers", "districts"), ("customers", "districts", "elements", "geometry")):
        b"".join(sample.outage_text(Case(out=["Q"]), include))
    sample.supply_path("C")
    sample.supply_area(["F"])
    sample.supply_radius("Q", "full")
    small = sample.scene().topology
    closed, opened = loaded_state(small), loaded_state(small).with_switching([0], [True])
    for before, after in ((closed, opened), (opened, closed)):
        moved(small, before, after)
        supplied_among(small, after, np.arange(1))
    check_grid(small.tables)


def warm_planning() -> None:
    """Ask for supply schemes and headroom; the lines lend their routes, and their box is their county."""
    sample = _sample()
    tables = sample.scene().topology.tables
    (county,) = tables.counties
    nothing = lent_by_lines(county, tables.lines, np.empty(0, np.int64))
    area = shapely.box(*tables.nodes.xy.min(axis=0), *tables.nodes.xy.max(axis=0))
    shelf = CorridorShelf(
        lambda _: (nothing, store.CountyVersion(1, 1, _LONG_AGO, _LONG_AGO, 0)), lambda _: {county: area}
    )
    sample.planner = Planner(sample.planner.rules, shelf, Trees())
    lon, lat = tables.nodes.xy[0].tolist()
    for kva, rules in ((50.0, {}), (5000.0, {"limits": {"voltage_drop_percent": {"medium": 0.01}}})):
        sample.supply_schemes(SchemeAsked((lon, lat), kva, supplies=2, pareto=True, rules=rules))
    sample.headroom("n3")


def warm_up(engine: Engine) -> None:
    """Have all that questions need compiled, and the world built; errors as `first_world` says."""
    warm_questions()
    warm_planning()
    first_world(engine)


def first_world(engine: Engine) -> None:
    """Build the world, and what every answer needs and is made once.

    Raises
    ------
    NotReady
        When it cannot be read.
    """
    world = engine.scene().world
    make_ready(world, NO_EDGES)


def _sample() -> Engine:
    return Engine(CurrentWorld(HeldTables(parse_grid(_SAMPLE))))
