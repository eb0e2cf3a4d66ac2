"""A generated province as a network: supplied, radial but where meant, tied on the trunks, across borders.

Expected answers come from the engine's own topology and from scipy's components over the tables.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis_service.checks import check_grid
from gis_service.network.switching import normal_state
from gis_service.network.topology import Topology
from gis_service.province.grid import grid_tables, together
from gis_service.province.plan import plan_province
from gis_service.tracing.supply import node_phases, supplied_at
from tests.province.provinces import Made, two_counties


@pytest.fixture(scope="module")
def made() -> Made:
    return two_counties()


def components(topology: Topology, kept: np.ndarray) -> np.ndarray:
    """Label of each node over the kept edges."""
    ends = np.column_stack([topology.edge_from, topology.edge_to])[kept]
    n = topology.n_nodes + 1
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    labels: np.ndarray = connected_components(graph, directed=False)[1]
    return labels


def switches_kept(topology: Topology, kept: np.ndarray) -> np.ndarray:
    """All lines, and the switches that are kept; no transformer, no source."""
    edges = np.zeros(topology.n_edges, np.bool_)
    first = topology.first_edge("switch")
    edges[:first] = True
    edges[first : first + kept.size] = kept
    return edges


def test_every_customer_is_supplied_in_the_normal_state(made: Made) -> None:
    topology = made.topology
    assert supplied_at(topology, node_phases(topology, normal_state(topology))).all()
    assert len(topology.tables.customers) == 20_000


def test_the_current_state_is_the_normal_state(made: Made) -> None:
    switches = made.topology.tables.switches
    assert np.array_equal(switches.open, switches.normal_open)


def test_it_is_radial_but_for_what_is_meant_to_be_a_loop(made: Made) -> None:
    #  independent cycles = edges - nodes + components, over all that conducts, the root not counted
    topology = made.topology
    kept = switches_kept(topology, ~np.asarray(topology.tables.switches.normal_open))
    first = topology.first_edge("power_transformer")
    kept[first : first + len(topology.tables.transformers)] = True
    labels = components(topology, kept)[: topology.n_nodes]
    cycles = int(kept.sum()) - topology.n_nodes + np.unique(labels).size
    total = made.statistics.totals
    assert cycles == total["twins"] + total["parallel"] + total["meshes"]
    assert total["parallel"] > 0


def feeder_of_node(topology: Topology) -> np.ndarray:
    """The feeder that supplies each node; -1 for none."""
    switches = topology.tables.switches
    heads = topology.feeders.head_row
    closed = ~np.asarray(switches.normal_open)
    closed[heads] = False
    labels = components(topology, switches_kept(topology, closed))
    below = topology.edge_to[topology.first_edge("switch") + heads]
    feeder = np.full(int(labels.max()) + 1, -1)
    feeder[labels[below]] = topology.feeders.head_of
    of_node: np.ndarray = feeder[labels]
    return of_node


def test_normally_open_switches_stand_between_different_feeders_or_busbars(made: Made) -> None:
    topology = made.topology
    feeder = feeder_of_node(topology)
    opened = topology.first_edge("switch") + np.flatnonzero(topology.tables.switches.normal_open)
    one, other = feeder[topology.edge_from[opened]], feeder[topology.edge_to[opened]]
    in_station = np.asarray(
        topology.tables.nodes.substation_id[topology.edge_from[opened].astype(np.int64)] != ""
    )
    assert (one[in_station] == -1).all()
    assert (other[in_station] == -1).all()
    ties = ~in_station
    assert (one[ties] != other[ties]).all()
    assert (one[ties] >= 0).all()
    assert (other[ties] >= 0).all()
    assert ties.sum() >= 5
    stations = np.array([id.rpartition("-")[0] for id in topology.feeders.ids])
    assert (stations[one[ties]] != stations[other[ties]]).any(), "a tie to another substation"


def test_ties_are_on_the_trunks(made: Made) -> None:
    #  from the head breaker to the tie there is no fuse and no transformer
    topology = made.topology
    switches = topology.tables.switches
    closed = ~np.asarray(switches.normal_open) & ~np.asarray(switches.kind == "fuse")
    labels = components(topology, switches_kept(topology, closed))
    heads = topology.edge_to[topology.first_edge("switch") + topology.feeders.head_row]
    on_trunk = np.isin(labels, labels[heads])
    in_station = np.asarray(topology.tables.nodes.substation_id != "")
    opened = topology.first_edge("switch") + np.flatnonzero(switches.normal_open)
    ends = np.concatenate([topology.edge_from[opened], topology.edge_to[opened]])
    assert on_trunk[ends[~in_station[ends]]].all()


def test_feeders_and_lines_cross_the_border(made: Made) -> None:
    total = made.statistics.totals
    assert total["border_feeders"] > 0
    assert total["border_lines"] > 0
    starts = made.column("line_section", "from_node")
    ends = made.column("line_section", "to_node")
    crossing = sum(str(a)[:6] != str(b)[:6] for a, b in zip(starts, ends, strict=True))
    assert crossing >= total["border_lines"]


def test_each_phase_of_a_single_phase_lateral_is_used(made: Made) -> None:
    phases = {one for one in made.column("power_transformer", "phases") if one is not None}
    assert phases <= {"A", "B", "C"}
    assert phases
    assert {"A", "B", "C"} <= set(made.column("customer_point", "phases"))


def test_no_feeder_is_loaded_beyond_its_cable(made: Made) -> None:
    #  the peak of a feeder: what its customers contract for, times a coincidence of 0.28, at 10 kV and 0.95
    topology = made.topology
    tables = topology.tables
    feeder = feeder_of_node(topology)
    transformer = topology.district_transformer[topology.customer_district]
    high = topology.edge_from[topology.first_edge("power_transformer") + transformer]
    kva = np.bincount(feeder[high], weights=tables.customers.contracted_kva)
    ampere = kva * 0.28 / (10.0 * np.sqrt(3.0))
    assert ampere.max() < 470.0
    assert np.median(ampere) > 20.0


def test_a_check_finds_the_loops_and_nothing_else(made: Made) -> None:
    found = {one.rule for one in check_grid(made.topology.tables)}
    assert found <= {"loop", "parallel"}


@pytest.mark.parametrize(("counties", "customers"), [(1, 1), (1, 50), (3, 3), (2, 700), (5, 4_000)])
def test_any_size_from_one_customer_up_is_supplied(counties: int, customers: int) -> None:
    from gis_service.network.build import build_topology
    from gis_service.province.generate import generate

    plan = plan_province(counties=counties, customers=customers, seed=3, shapes="squares")
    layers = together(tables for _, tables in generate(plan))
    topology = build_topology(grid_tables(layers))
    assert len(topology.tables.customers) == customers
    assert supplied_at(topology, node_phases(topology, normal_state(topology))).all()
    assert {one.rule for one in check_grid(topology.tables)} <= {"loop", "parallel"}
