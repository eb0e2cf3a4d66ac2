"""From tables to topology: ids, supply forests, feeders, derived districts; expected answers by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gis_service.errors import AmbiguousId, UnknownId
from gis_service.network.build import build_topology
from gis_service.network.ids import Ref
from gis_service.network.stored import topology_arrays, topology_from_arrays
from gis_service.network.switching import conducting, loaded_state, normal_state
from gis_service.network.tables import phase_mask, phase_text
from gis_service.network.text import parse_grid

FEEDER = """
    S1 source n1
    Q1 breaker n1 n2 feeder=F1
    L1 line n2 n3 length=100
    K1 disconnector n3 n4
    L2 line n4 n5 length=50
    L3 line n4 n6 A
    K2 load_break_switch n5 n9 normal_open open
"""


def test_the_supply_forest_is_the_normal_state_in_preorder() -> None:
    #  S1 n1 ─Q1─ n2 ─L1─ n3 ─K1─ n4 ─L2─ n5 ─K2/─ n9        K2 is normally open: a chord, and n9 an island
    #                             └─L3(A)─ n6
    topology = build_topology(parse_grid(FEEDER))
    ids = [*topology.tables.nodes.id.tolist(), "supply"]
    (one,) = topology.forests
    forest = one.forest
    order = [ids[node] for node in forest.node]

    assert order[:5] == ["supply", "n1", "n2", "n3", "n4"]
    assert set(order[5:7]) == {"n5", "n6"}
    assert order[7:] == ["n9"]
    assert forest.trees.tolist() == [0, 7]
    assert topology.pieces.tolist() == [1, 7, 8]
    below = {
        ids[node]: [ids[k] for k in forest.node[p : forest.end[p]]] for p, node in enumerate(forest.node)
    }
    assert set(below["n4"]) == {"n4", "n5", "n6"}
    assert below["n5"] == ["n5"]
    assert forest.path[forest.place[ids.index("n6")]] == phase_mask("A")
    assert [topology.tables.switches.id[e - topology.first_edge("switch")] for e in one.chords.edge] == ["K2"]


def test_a_topology_taken_apart_and_put_together_is_the_same() -> None:
    topology = build_topology(parse_grid(FEEDER))
    arrays = topology_arrays(topology)
    copied = {name: np.copy(array) for name, array in arrays.items()}
    again = topology_from_arrays(topology.tables, topology.ids, copied)

    assert again.feeders.ids == ["F1"]
    assert topology_arrays(again).keys() == arrays.keys()
    for name, array in topology_arrays(again).items():
        assert np.array_equal(array, arrays[name]), name
    del copied["forests.0.customers.row"]
    with pytest.raises(KeyError):
        topology_from_arrays(topology.tables, topology.ids, copied)


def test_edges_follow_lines_switches_transformers_sources() -> None:
    topology = build_topology(parse_grid(FEEDER))
    for layer in ("line_section", "switch", "energy_source"):
        assert topology.ref_of_edge(topology.edge_of(layer, 0)) == Ref(layer, 0)
    assert topology.source_node.tolist() == [topology.ids.find("n1").row]
    with pytest.raises(IndexError):
        topology.ref_of_edge(-1)


def test_states_are_values() -> None:
    topology = build_topology(parse_grid(FEEDER))
    normal, loaded = normal_state(topology), loaded_state(topology)
    k1 = topology.ids.find("K1").row
    changed = loaded.with_switching([k1], [True])

    assert np.array_equal(normal.open, loaded.open)
    assert not loaded.open[k1]
    assert conducting(topology, changed)[topology.edge_of("switch", k1)] == 0
    assert conducting(topology, loaded)[topology.edge_of("switch", k1)] == 7


def test_an_id_in_two_layers_must_say_which() -> None:
    topology = build_topology(parse_grid("x line n1 n2\nx breaker n2 n3\nn1 source n1"))
    with pytest.raises(AmbiguousId, match="'line_section:x' or 'switch:x'"):
        topology.ids.find("x")
    assert topology.ids.find("switch:x") == Ref("switch", 0)
    assert topology.ids.find("x", layers=["line_section"]) == Ref("line_section", 0)
    with pytest.raises(UnknownId, match="'a', 'b'"):
        topology.ids.find_many(["a", "line_section:x", "b"])


def test_an_element_goes_before_a_grouping_of_the_same_id() -> None:
    topology = build_topology(
        parse_grid(
            "Q breaker n1 n2 feeder=Q\nT transformer n2 n3\nT district T\n"
            "F substation\nR breaker n1 n2 feeder=F"
        )
    )
    assert topology.ids.find("Q").layer == "switch"
    assert topology.ids.find("T").layer == "power_transformer"
    assert topology.ids.find("transformer_district:T").layer == "transformer_district"
    with pytest.raises(AmbiguousId, match="'substation:F' or 'feeder:F'"):
        topology.ids.find("F")


def test_a_customer_without_district_gets_that_of_the_nearest_transformer() -> None:
    #  T1: n1→a ─10─ b ─10─ c ─30─ d ←T2     b, c are T1's; d is T2's; m hangs on the high side: nobody's
    topology = build_topology(
        parse_grid("""
        S source n1
        T1 transformer n1 a
        T2 transformer n1 d
        D1 district T1
        D2 district T2
        L1 line a b length=10
        L2 line b c length=10
        L3 line c d length=30
        Cb customer b
        Cc customer c
        Cd customer d
        Cm customer n1
        Cx customer c district=D2
    """)
    )
    district = dict(zip(topology.tables.customers.id, topology.customer_district, strict=True))
    assert {id: topology.tables.districts.id[row] if row >= 0 else None for id, row in district.items()} == {
        "Cb": "D1",
        "Cc": "D1",
        "Cd": "D2",
        "Cm": None,
        "Cx": "D2",
    }


def test_a_customer_without_phases_needs_those_of_the_normal_state() -> None:
    topology = build_topology(
        parse_grid("S source n1\nL line n1 n2 AB\nC1 customer n2\nC2 customer n2 C\nC3 customer z")
    )
    needs = dict(zip(topology.tables.customers.id, topology.customer_needs.tolist(), strict=True))
    assert needs == {"C1": 3, "C2": 4, "C3": 0}


def test_an_element_that_reaches_into_a_county_which_is_not_there_hangs_at_its_other_end() -> None:
    """By hand: a loop at n1 leads nowhere, and goes out with n1."""
    tables = parse_grid("S source n1\nL line n1 n2")
    np.asarray(tables.lines.to_node)[0] = "in a county that is not loaded"
    topology = build_topology(tables)
    assert topology.edge_from[0] == topology.edge_to[0] == topology.ids.row("connectivity_node", "n1")
    assert topology.edge_phases[0] != 0
    assert topology.ids.find("L") == Ref("line_section", 0)


def test_an_element_without_any_node_that_is_there_conducts_nothing_and_is_kept() -> None:
    tables = parse_grid("S source n1\nL line n1 n2")
    for column in (tables.lines.from_node, tables.lines.to_node):
        np.asarray(column)[0] = "in a county that is not loaded"
    topology = build_topology(tables)
    assert topology.edge_phases[0] == 0
    assert topology.ids.find("L") == Ref("line_section", 0)


def test_an_empty_network_is_a_network() -> None:
    topology = build_topology(parse_grid(""))
    assert topology.n_nodes == 0
    assert topology.n_edges == 0


def test_arrays_of_a_topology_cannot_be_written() -> None:
    topology = build_topology(parse_grid(FEEDER))
    with pytest.raises(ValueError, match="read-only"):
        topology.edge_phases[0] = 0


@pytest.mark.parametrize(("text", "mask"), [("ABC", 7), ("A", 1), ("BN", 2), ("CA", 5), ("N", 0)])
def test_phase_strings(text: str, mask: int) -> None:
    assert phase_mask(text) == mask
    assert phase_mask(phase_text(mask), absent=0) == mask


@pytest.mark.parametrize("text", ["X", "AA", "abc"])
def test_wrong_phase_strings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most once"):
        phase_mask(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("L1 cable a b", "unknown kind"),
        ("L1 line a b wide=3", "unknown word"),
        ("L line a b\nL line b c", "twice"),
    ],
)
def test_the_text_notation_names_the_line_that_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=rf"line \d.*{reason}"):
        parse_grid(text)
