"""Areas in a drawing whose routes and prices are read off by hand.

Three streets between the customer and the only place, a node; metres around the customer::

      v1 ──────────── upper (100 + 300 + 100) ──────────── v2
      │                                                    │
    customer at v0 ───────── street (300) ─────────────── v3 at the node
      │
      v4  a blind alley of 50 m
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import shapely

from gis_service.engine.building_areas import refuse_areas, refuse_closed
from gis_service.errors import Impossible
from gis_service.network.build import build_topology
from gis_service.network.text import parse_grid
from gis_service.planning.areas import NOWHERE, Areas
from gis_service.planning.corridors import UNKNOWN
from gis_service.planning.refusals import refusals
from gis_service.planning.rules import default_rules, overridden
from gis_service.planning.search import Choice, Load
from tests.planning.small import HERE, Question, ask, corridors_of

GRID = """
l0  node        kv=0.4
S1  source      h
T1  transformer h l0  kva=400
"""
STREETS = {
    ("v0", "v3"): [[0, 0], [300, 0]],
    ("v0", "v1"): [[0, 0], [0, 100]],
    ("v1", "v2"): [[0, 100], [300, 100]],
    ("v2", "v3"): [[300, 100], [300, 0]],
    ("v0", "v4"): [[0, 0], [0, -50]],
}
ACROSS_THE_STREET = shapely.box(100, -10, 120, 10)
ACROSS_THE_UPPER = shapely.box(100, 90, 120, 110)
END_OF_THE_ALLEY = shapely.box(-5, -60, 5, -45)


def question(areas: Areas = NOWHERE, *, reach_m: float = 1000.0) -> Question:
    tables = parse_grid(GRID)
    places = {"h": (900, 900), "l0": (300, 0)}
    xy = np.array([places[id] for id in tables.nodes.id.tolist()]) / HERE.scale + [HERE.lon, HERE.lat]
    tables = replace(tables, nodes=replace(tables.nodes, xy=xy))
    n = len(STREETS)
    streets = corridors_of(
        list(STREETS),
        [np.array(line, np.float64) for line in STREETS.values()],
        ["street"] * n,
        [np.nan] * n,
        [UNKNOWN] * n,
    )
    rules = overridden(
        default_rules(),
        {
            "limits": {
                "reach_m": {"low": reach_m},
                "supply_radius_m": {"low": {"town": 5000.0}},
                "voltage_drop_percent": {"low": 50.0},
                "lowest_pu": {"low": 0.5},
            },
            "supply_voltage": [{"level": "low", "above_kv": 0, "up_to_kv": 1, "largest_kva": 160}],
        },
    )
    return ask(build_topology(tables), rules, [streets], Load(5.0, 7), areas=areas)


def best(asked: Question) -> Choice:
    (found,) = islice(asked.search.best(), 1)
    return found


def length(asked: Question) -> float:
    choice = best(asked)
    return float(choice.offers.routes.found.length[choice.way])


@pytest.mark.parametrize(
    ("areas", "metres"),
    [
        (NOWHERE, 300),
        (Areas(ACROSS_THE_STREET), 500),
        (Areas(ACROSS_THE_UPPER), 300),
        (Areas(None, (ACROSS_THE_STREET,)), 300),
        (Areas(None, (ACROSS_THE_UPPER,)), 500),
        # into the alley as far as the border of the area, and back
        (Areas(None, (END_OF_THE_ALLEY,)), 390),
        (Areas(ACROSS_THE_STREET, (END_OF_THE_ALLEY,)), 590),
        # one after the other, whichever is named first: along the street and back over the upper one would be
        # 800, into the upper one from the left and back to the street 100 + 100 + 200 + 300
        (Areas(None, (ACROSS_THE_STREET, ACROSS_THE_UPPER)), 700),
        (Areas(None, (ACROSS_THE_UPPER, ACROSS_THE_STREET)), 700),
    ],
)
def test_the_route_is_the_shortest_that_the_areas_leave(areas: Areas, metres: float) -> None:
    assert length(question(areas)) == pytest.approx(metres, abs=1e-3)


def test_a_corridor_ends_at_the_border_of_an_area_and_is_paid_as_far() -> None:
    asked = question(Areas(None, (END_OF_THE_ALLEY,)))
    choice = best(asked)
    along = [
        (str(choice.offers.routes.ground.id[one.edge]), round(one.length_m, 3))
        for one in choice.offers.routes.stretches(choice.way)
    ]
    assert along == [("k4", 45.0), ("k4", 45.0), ("k0", 300.0)]


def test_a_place_behind_an_area_is_rejected_by_it() -> None:
    both = Areas(shapely.union_all([ACROSS_THE_STREET, ACROSS_THE_UPPER]))
    asked = question(both)
    assert next(asked.search.best(), None) is None
    (told,) = refusals(asked.search, asked.blocks)
    assert (told["limit"], told["value"], told["allowed"], told["relief"]) == ("avoid", None, None, None)
    with pytest.raises(Impossible, match="avoid: every way"):
        refuse_closed(asked.blocks)


def test_an_area_that_no_way_can_pass_within_reach_is_named() -> None:
    asked = question(Areas(None, (END_OF_THE_ALLEY, ACROSS_THE_UPPER)), reach_m=350.0)
    (told,) = refusals(asked.search, asked.blocks)
    assert told["limit"] == "must_pass"
    with pytest.raises(Impossible, match="must_pass: no way that passes all of these areas"):
        refuse_closed(asked.blocks)
    aside = Areas(None, (END_OF_THE_ALLEY, shapely.box(150, -90, 160, -80)))
    with pytest.raises(Impossible, match=r"must_pass\[1\]: no way along open corridors"):
        refuse_closed(question(aside).blocks)
    with pytest.raises(Impossible, match=r"must_pass\[1\]: this area lies 170 m from the point"):
        refuse_areas(aside, 100.0)
