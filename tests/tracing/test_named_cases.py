"""Named cases, each drawn above the test; the expected answer is read off the drawing by hand."""

from __future__ import annotations

import pytest

from gis_service.errors import InvalidInput
from gis_service.network.build import build_topology
from gis_service.network.switching import loaded_state
from gis_service.network.text import parse_grid
from gis_service.network.topology import Topology
from gis_service.tracing.areas import supply_area
from gis_service.tracing.outage import outage_impact
from gis_service.tracing.outs import outs_of
from gis_service.tracing.paths import supply_path, supply_radius
from gis_service.tracing.trace import trace

#  S1 ─ b1 ─[Q1 F1]─ a1 ─L1─ a2 ─[F]─ a5 ─L5─ a6 (C1)          F: a fuse to a lateral
#                            └─[K1]─ a3 ─L2─ a4 ─[tie/]─ c2
#  S2 ─ b2 ─[Q2 F2]─ c1 ─L3─ c2 ─T1─ d1 ─L4─ d2 (C2, C3: phase A)
TWO_FEEDERS = """
S1 source b1
S2 source b2
Q1 breaker b1 a1 feeder=F1
Q2 breaker b2 c1 feeder=F2
L1 line a1 a2 length=100
F  fuse a2 a5
L5 line a5 a6 length=30
K1 load_break_switch a2 a3
L2 line a3 a4 length=200
tie load_break_switch a4 c2 normal_open open
L3 line c1 c2 length=150
T1 transformer c2 d1
D1 district T1
L4 line d1 d2 length=20
C1 customer a6 kva=5
C2 customer d2 kva=7
C3 customer d2 A kva=3
C4 customer a4 kva=11
"""


@pytest.fixture(scope="module")
def grid() -> Topology:
    return build_topology(parse_grid(TWO_FEEDERS))


def lost(grid: Topology, *, out: list[str] = [], faults: list[str] = [], state=None) -> set[str]:  # type: ignore[no-untyped-def]  # noqa: B006
    state = state or loaded_state(grid)
    impact = outage_impact(grid, state, outs_of(grid, grid.ids.find_many(out)), grid.ids.find_many(faults))
    return set(grid.tables.customers.id[impact.customers])


def names(grid: Topology, kind: str, *start: str, **more: object) -> set[str]:
    found = trace(grid, loaded_state(grid), kind, grid.ids.find_many(start), **more)  # type: ignore[arg-type]
    t = grid.tables
    by_layer = {
        "line_section": t.lines,
        "switch": t.switches,
        "power_transformer": t.transformers,
        "energy_source": t.sources,
    }
    return {
        by_layer[layer].id[row] for edge in found.edges.tolist() for layer, row in [grid.ref_of_edge(edge)]
    }


def test_a_feeder_breaker_takes_its_feeder(grid: Topology) -> None:
    assert lost(grid, out=["Q1"]) == {"C1", "C4"}
    assert lost(grid, out=["Q1", "Q2"]) == {"C1", "C2", "C3", "C4"}


def test_a_closed_tie_carries_the_other_feeder(grid: Topology) -> None:
    tied = loaded_state(grid).with_switching([grid.ids.find("tie").row], [False])
    assert lost(grid, out=["Q1"], state=tied) == set()
    assert lost(grid, out=["L1"], state=tied) == set()
    assert lost(grid, out=["a2"], state=tied) == {"C1"}


def test_an_open_switch_that_is_out_again_takes_nobody(grid: Topology) -> None:
    assert lost(grid, out=["tie"]) == set()


def test_a_fault_on_the_lateral_blows_the_fuse_only(grid: Topology) -> None:
    impact = outage_impact(grid, loaded_state(grid), faults=[grid.ids.find("L5")])
    assert set(grid.tables.switches.id[impact.opened]) == {"F"}
    assert set(grid.tables.customers.id[impact.customers]) == {"C1"}


def test_a_fault_on_the_trunk_trips_the_breaker_and_spares_the_fuse(grid: Topology) -> None:
    impact = outage_impact(grid, loaded_state(grid), faults=[grid.ids.find("L2")])
    assert set(grid.tables.switches.id[impact.opened]) == {"Q1"}
    assert set(grid.tables.customers.id[impact.customers]) == {"C1", "C4"}
    assert lost(grid, out=["L2"]) == {"C4"}, "out alone does not call protection"


def test_a_fault_between_two_sources_trips_both_breakers(grid: Topology) -> None:
    tied = loaded_state(grid).with_switching([grid.ids.find("tie").row], [False])
    impact = outage_impact(grid, tied, faults=[grid.ids.find("L2")])
    assert set(grid.tables.switches.id[impact.opened]) == {"Q1", "Q2"}
    assert set(grid.tables.customers.id[impact.customers]) == {"C1", "C2", "C3", "C4"}


def test_what_was_dark_before_is_not_counted(grid: Topology) -> None:
    without = loaded_state(grid).with_switching([grid.ids.find("Q1").row], [True])
    assert lost(grid, out=["L1", "Q2"], state=without) == {"C2", "C3"}


def test_a_customer_that_is_out_is_lost_alone(grid: Topology) -> None:
    assert lost(grid, out=["C2"]) == {"C2"}
    assert lost(grid, out=["D1"]) == {"C2", "C3"}, "a district stands for its transformer"
    assert lost(grid, out=["F2"]) == {"C2", "C3"}, "a feeder stands for its head switch"


def test_upstream_and_downstream_of_a_line(grid: Topology) -> None:
    assert names(grid, "upstream", "L2") == {"L2", "K1", "L1", "Q1", "S1"}
    assert names(grid, "downstream", "L1") == {"L1", "F", "L5", "K1", "L2"}
    assert names(grid, "upstream", "C2") == {"L4", "T1", "L3", "Q2", "S2"}
    assert names(grid, "upstream", "L2", barriers=outs_of(grid, grid.ids.find_many(["K1"]))) == set()


def test_a_subnetwork_ends_at_head_switches_and_includes_them(grid: Topology) -> None:
    assert names(grid, "subnetwork", "L2") == {"Q1", "L1", "F", "L5", "K1", "L2"}
    assert names(grid, "subnetwork", "Q2") == {"Q2", "L3", "T1", "L4"}
    assert names(grid, "connected", "L2") == {"S1", "Q1", "L1", "F", "L5", "K1", "L2"}


def test_the_shortest_way_has_its_elements_in_order(grid: Topology) -> None:
    way = trace(
        grid, loaded_state(grid), "shortest_path", [grid.ids.find("L1")], targets=[grid.ids.find("C4")]
    )
    assert [grid.ref_of_edge(e).layer for e in way.ordered.tolist()] == [
        "line_section",
        "switch",
        "line_section",
    ]
    assert way.length_m == 300
    none = trace(
        grid, loaded_state(grid), "shortest_path", [grid.ids.find("L1")], targets=[grid.ids.find("C2")]
    )
    assert none.ordered.size == 0
    assert none.length_m == float("inf")


def test_isolating_a_line_opens_its_switches_towards_supply(grid: Topology) -> None:
    cut = trace(grid, loaded_state(grid), "isolation", [grid.ids.find("L2")])
    assert set(grid.tables.switches.id[cut.to_open]) == {"K1"}
    assert set(grid.tables.switches.id[cut.already_open]) == {"tie"}
    trunk = trace(grid, loaded_state(grid), "isolation", [grid.ids.find("L1")])
    assert set(grid.tables.switches.id[trunk.to_open]) == {"Q1"}, "nothing feeds back over K1 or F"


def test_the_supply_path_leads_from_the_source_to_the_customer(grid: Topology) -> None:
    path = supply_path(grid, loaded_state(grid), grid.ids.find("C3").row)
    assert path.supplied
    assert [grid.ref_of_edge(e).layer for e in path.edges.tolist()] == [
        "energy_source",
        "switch",
        "line_section",
        "power_transformer",
        "line_section",
    ]
    assert path.length_m == 170
    assert not path.meshed
    assert grid.tables.switches.id[path.feeder_switch] == "Q2"


def test_the_supply_radius_stops_at_transformers_in_trunk_mode(grid: Topology) -> None:
    state = loaded_state(grid)
    assert supply_radius(grid, state, grid.ids.find("Q2"), "trunk").length_m == 150
    assert supply_radius(grid, state, grid.ids.find("Q2"), "full").length_m == 170
    assert supply_radius(grid, state, grid.ids.find("T1"), "full").length_m == 20
    assert supply_radius(grid, state, grid.ids.find("L1"), "full").length_m == 200


def test_the_supply_area_of_a_feeder_is_its_supplied_customers(grid: Topology) -> None:
    state = loaded_state(grid)
    area = supply_area(grid, state, [grid.ids.find("F1", layers=["feeder"])])
    assert set(grid.tables.customers.id[area.customers]) == {"C1", "C4"}


def test_one_phase_open_leaves_the_others(grid: Topology) -> None:
    #  S ─┬─ RA (regulator on A) ─┬─ n2 ─ customers on A, B, C and one that needs all three
    #     └─ RBC (on B and C) ────┘
    single = build_topology(
        parse_grid("""
        S source n1
        RA line n1 n2 A
        RBC line n1 n2 BC
        CA customer n2 A
        CB customer n2 B
        CABC customer n2
    """)
    )
    assert lost(single, out=["RA"]) == {"CA", "CABC"}
    assert lost(single, out=["RBC"]) == {"CB", "CABC"}


@pytest.mark.parametrize(
    ("kind", "start", "targets", "reason"),
    [
        ("sideways", ["L1"], [], "sideways"),
        ("upstream", [], [], "at least one id"),
        ("shortest_path", ["L1"], [], "'to'"),
        ("upstream", ["L1"], ["L2"], "'to'"),
    ],
)
def test_a_trace_that_makes_no_sense_is_refused(
    grid: Topology, kind: str, start: list[str], targets: list[str], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        trace(
            grid,
            loaded_state(grid),
            kind,  # type: ignore[arg-type]
            grid.ids.find_many(start),
            targets=grid.ids.find_many(targets),
        )
