"""Voltages of schemes on real grids are those of power-grid-model over all that the tap changer feeds.

Everybody draws the same share of what he has contracted, however many they are: then what a node takes is
the plain sum of its loads, which is what power-grid-model knows. It gets impedances and loads of the tree,
with the new line and its customer in it; what has no impedance is one node there.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from benchmarks.planning_grid import planning_scene
from benchmarks.planning_rules import grids
from gis_service.engine.schemes import SchemeAsked, lay_out_question
from gis_service.errors import Impossible
from gis_service.ingest.package import GridPackage
from gis_service.planning.search import Choice
from tests.kernels.test_powerflow import voltages_of_power_grid_model

SHARE = 0.25
"""With all of it, the demo grids could take nobody."""

FLAT = {"load": {"coincidence": [{"customers": 1, "factor": SHARE}]}}
LOADS_KVA = (8.0, 60.0, 400.0, 1600.0)
QUESTIONS = 12


@pytest.mark.parametrize(("name", "package"), [pytest.param(*grid, id=grid[0]) for grid in grids()])
def test_voltages_on_real_grids_are_those_of_power_grid_model(
    name: str, package: Callable[[], GridPackage]
) -> None:
    scene, planner = planning_scene(package())
    draw = np.random.default_rng(4)
    places = scene.tables.customers.xy
    compared = taps = 0
    for number in range(QUESTIONS):
        lon, lat = (places[int(draw.integers(0, len(places)))] + draw.normal(0, 3e-4, 2)).tolist()
        asked = SchemeAsked((lon, lat), LOADS_KVA[number % len(LOADS_KVA)], rules=FLAT)
        try:
            planned = lay_out_question(scene, asked, planner)
        except Impossible:
            continue
        for choice in islice(planned.search.best(), 3):
            attach, end = by_power_grid_model(choice)
            assert choice.chains.end[choice.row] == pytest.approx(end, abs=1e-6), (name, number)
            assert choice.chains.attach[choice.row] == pytest.approx(attach, abs=1e-6), (name, number)
            compared += 1
            taps += choice.site.node < 0
    assert compared > QUESTIONS / 2
    assert taps > 0


def by_power_grid_model(choice: Choice) -> tuple[float, float]:
    """The voltage where the new line begins, and at its end."""
    offers, reckoned = choice.offers, choice.offers.block.reckoned
    tree, at = reckoned.tree, choice.at
    begin = int(reckoned.begins[at])
    z = reckoned.r + 1j * reckoned.x
    carried = SHARE * tree.kva
    own = carried.copy()
    np.subtract.at(own, tree.parent[1:], carried[1:])
    held = np.asarray(reckoned.regulated | (tree.parent == 0))
    # what hangs behind another tap changer is a load of its own, as large as all that it feeds
    for position in np.flatnonzero(held & (np.arange(tree.size) != begin)).tolist():
        own[tree.parent[position]] += carried[position]
    number = np.full(tree.size, -1)
    number[begin] = 0
    parent, impedance, taken = [-1], [0j], [own[begin]]
    tap = -1
    for p in range(begin + 1, tree.size):
        if reckoned.begins[p] != begin:
            continue
        above, mine = int(number[tree.parent[p]]), complex(z[p])
        portion = float(offers.portion[choice.way]) if p == at else 1.0
        if portion < 1.0:
            parent.append(above)
            impedance.append(mine * portion)
            taken.append(0.0)
            above = tap = len(parent) - 1
            mine *= 1.0 - portion
        if mine == 0:
            number[p] = above
            taken[above] += own[p]
        else:
            number[p] = len(parent)
            parent.append(above)
            impedance.append(mine)
            taken.append(own[p])
    joined = tap if tap >= 0 else int(number[at])
    # the new line carries all of the new load, what lies before it his share
    taken[joined] -= (1.0 - SHARE) * offers.load.reckoned_kva
    parent.append(joined)
    impedance.append(complex(offers.r[choice.way], offers.x[choice.way]))
    taken.append(offers.load.reckoned_kva)
    s = np.array(taken) / 1000.0 * complex(reckoned.cosine, reckoned.sine)
    tree_of = np.array(parent, np.int32), np.array(impedance, np.complex128), s.astype(np.complex128)
    # its source stands at 1: what is held otherwise is a matter of the unit of voltage
    volt = float(reckoned.held[at])
    flow = voltages_of_power_grid_model((tree_of[0], tree_of[1] / volt**2, tree_of[2]), source_va=1e15)
    size = np.abs(flow) * volt
    return float(size[joined]), float(size[-1])
