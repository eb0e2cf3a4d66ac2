"""Who loses supply: the expected answer is pandapower's own, on the net before it was imported."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gis_service.network.ids import Ref
from gis_service.network.switching import normal_state
from gis_service.network.topology import Topology
from gis_service.tracing.outage import outage_impact
from gis_service.tracing.outs import outs_of
from gis_service.tracing.supply import supplied
from tests.importers.grids import DEMO, RURAL, SEMIURBAN, grid
from tests.oracles.pandapower_supply import PandapowerSupply, dark_loads

SEED = 20_251_121
SAMPLE = 300
LAYER = {"switch": "switch", "line": "line_section", "trafo": "power_transformer"}


def _elements(net: object) -> list[tuple[str, int]]:
    return [(name, int(index)) for name in LAYER for index in net[name].index]  # type: ignore[index]


def _ids(topology: Topology, rows: np.ndarray) -> set[str]:
    return set(topology.tables.customers.id[rows].tolist())


def _ours(topology: Topology, ref: Ref) -> set[str]:
    state = normal_state(topology)
    return _ids(topology, outage_impact(topology, state, outs_of(topology, [ref])).customers)


def _by_opening(topology: Topology, switch: int) -> set[str]:
    state = normal_state(topology)
    opened = state.with_switching([switch], [True])
    return _ids(topology, np.flatnonzero(supplied(topology, state) & ~supplied(topology, opened)))


def _differences(name: str, elements: list[tuple[str, int]]) -> tuple[list[str], int]:
    """Elements whose affected customers differ from pandapower's, and how many affect anybody."""
    here, oracle = grid(name), PandapowerSupply(grid(name).net)
    different, effective = [], 0
    for element, index in elements:
        expected = oracle.affected_loads(element, index)
        effective += bool(expected)
        ref = here.topology.ids.find(f"{element}-{index}", layers=[LAYER[element]])
        if _ours(here.topology, ref) != expected:
            different.append(f"{element}-{index} out")
        if element == "switch" and _by_opening(here.topology, ref.row) != expected:
            different.append(f"{element}-{index} opened")
    return different, effective


def test_each_switch_line_and_transformer_of_the_demo_grid_affects_whom_pandapower_says() -> None:
    elements = _elements(grid(DEMO).net)
    assert len(elements) == 700 + 3181 + 145
    different, effective = _differences(DEMO, elements)
    assert different == []
    assert effective > 3000


@pytest.mark.parametrize("name", [RURAL, SEMIURBAN])
def test_random_elements_of_simbench_affect_whom_pandapower_says(name: str) -> None:
    elements = random.Random(SEED).sample(_elements(grid(name).net), SAMPLE)
    different, effective = _differences(name, elements)
    assert different == []
    assert effective > SAMPLE / 2


@pytest.mark.parametrize("name", [RURAL, SEMIURBAN])
def test_every_medium_voltage_switch_and_transformer_of_simbench_affects_whom_pandapower_says(
    name: str,
) -> None:
    # A random element of SimBench is nearly always a house connection; here are the ones with large outages.
    net = grid(name).net
    high = set(net.bus.index[net.bus.vn_kv > 1.0])
    chosen = [("switch", int(one)) for one in net.switch.index[net.switch.bus.isin(high)]]
    chosen += [("trafo", int(one)) for one in net.trafo.index]
    chosen = random.Random(SEED).sample(chosen, 150)
    different, effective = _differences(name, chosen)
    assert different == []
    assert effective > 50


@pytest.mark.parametrize("name", [DEMO, RURAL, SEMIURBAN])
def test_in_the_normal_state_the_same_customers_are_dark(name: str) -> None:
    here = grid(name)
    dark = np.flatnonzero(~supplied(here.topology, normal_state(here.topology)))
    assert _ids(here.topology, dark) == dark_loads(here.net) == set()


@pytest.mark.parametrize("name", [DEMO, RURAL])
def test_the_oracle_says_the_same_as_pandapower_from_scratch(name: str) -> None:
    oracle = PandapowerSupply(grid(name).net)
    for element, index in random.Random(SEED).sample(_elements(grid(name).net), 20):
        assert oracle.dark_without(element, index) == oracle.dark_from_scratch(element, index)
