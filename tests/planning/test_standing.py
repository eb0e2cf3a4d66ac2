"""Whose limits a customer more would break: those of the grid in which everybody stands in it.

The oracle is another grid, as in `test_reserved`: each reservation is a customer in it. Who keeps which limit
before and after is read off the voltages there, customer by customer; and these voltages are held against
power-grid-model in a test of their own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st
from power_grid_model.errors import (  # type: ignore[attr-defined]  # not in its __all__
    IterationDiverge,
)

from gis_service.network.build import build_topology
from gis_service.network.switching import loaded_state
from gis_service.network.text import parse_grid
from gis_service.network.topology import Topology
from gis_service.planning.reckoned import Reckoned, reckon
from gis_service.planning.reserved import NOTHING_RESERVED, Reserved, with_reserved
from gis_service.planning.rules import Rules, default_rules, overridden
from gis_service.planning.standing import Joining
from gis_service.planning.supply_tree import TRANSFORMER, supply_tree
from tests.kernels.test_powerflow import voltages_of_power_grid_model
from tests.planning.test_reserved import OWN_OHM, Drawing, Place, drawings

CLOSE = 1e-6


def rules(drop: float, lowest: float) -> Rules:
    limits = {
        "voltage_drop_percent": {"low": drop, "medium": drop / 4},
        "lowest_pu": {"low": lowest, "medium": lowest + 0.02},
    }
    return overridden(default_rules(), {"limits": limits})


def reckoned(topology: Topology, reserved: Reserved, book: Rules) -> Reckoned:
    tree = supply_tree(topology, loaded_state(topology), np.arange(topology.n_nodes))
    return reckon(with_reserved(tree, reserved), book)


def stands(drawing: Drawing, count: int, book: Rules) -> dict[str, dict[str, tuple[float, float]]]:
    """Of each customer, by limit: what stands against it, and by how much it is broken (negative: kept).

    The first places have a customer, each at the end of a line of his own.
    """
    topology = drawing.grid(drawing.places[:count], own_lines=True)
    own = reckoned(topology, NOTHING_RESERVED, book)
    tree, tables = own.tree, topology.tables
    volts = np.abs(own.present.volts)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for row, node in enumerate(topology.customer_node.tolist()):
        at = int(tree.positions(np.array([node]))[0])
        top = at
        while tree.kind[top] != TRANSFORMER and tree.parent[top] > 0:  # up to a transformer, or to the source
            top = int(tree.parent[top])
        volt, id = float(volts[at]), str(tables.customers.id[row])
        level = book.level_of(float(tree.kv[at]))
        assert level is not None
        drop = 100 * (volts[top] - volt)
        found[id] = {
            "voltage_drop": (drop, drop - book.limits.voltage_drop_percent.of(level)),
            "lowest_voltage": (volt, book.limits.lowest_pu.of(level) - volt),
        }
    return found


def joining(before: Reckoned, drawing: Drawing) -> Joining:
    """The last place of a drawing, with a line of his own, beside the first ones."""
    plain, place = before.tree.topology, drawing.places[-1]
    one = drawing.reserved(plain, [place])
    if one.edge[0] >= 0:
        far = int(before.tree.positions_of_edges(one.edge)[0])
        onwards = plain.edge_to[one.edge[0]] == before.tree.node[far]
        at, portion = before.tree.place_on_edge(far, place.fraction if onwards else 1.0 - place.fraction)
    else:
        at, portion = int(before.tree.positions(one.node)[0]), 1.0
    base_ohm = float(before.tree.kv[at]) ** 2
    return Joining(at, portion, OWN_OHM[0] / base_ohm, OWN_OHM[1] / base_ohm)


@given(drawings(), st.floats(0.5, 6), st.floats(0.85, 0.97))
def test_limits_broken_for_others_are_those_of_the_grid_with_everybody_in_it(
    drawing: Drawing, drop: float, lowest: float
) -> None:
    book, plain = rules(drop, lowest), drawing.grid([])
    count = len(drawing.places) - 1
    before = reckoned(plain, drawing.reserved(plain, drawing.places[:count], own_lines=True), book)
    if any(np.isclose(place.fraction, drawing.places[-1].fraction) for place in drawing.places[:count]):
        assume(drawing.places[-1].line is None)  # where one taps already there is a node to join
    one, kva = joining(before, drawing), drawing.places[-1].kva
    found = before.standing.broken([one], kva)
    then, now = (stands(drawing, n, book) for n in (count, count + 1))
    expected: set[tuple[str, str]] = set()
    unsure: set[tuple[str, str]] = set()
    for who, limits in then.items():
        for limit, (_, past) in limits.items():
            later = now[who][limit][1]
            if min(abs(past), abs(later)) < CLOSE:
                unsure.add((who, limit))
            elif past < 0 < later:
                expected.add((who, limit))
    customers = plain.tables.customers
    at_node: dict[int, list[str]] = {int(node): [] for node in plain.customer_node.tolist()}
    for row, node in enumerate(plain.customer_node.tolist()):
        at_node[int(node)].append(str(customers.id[row]))
    told = {
        (who, one.limit)
        for one in found
        for who in (at_node[one.node] if one.node >= 0 else [f"R{one.reservation}"])
    }
    assert told - unsure == expected - unsure
    event("somebody is harmed" if expected else "nobody is harmed")
    for broken in found:
        who = at_node[broken.node][0] if broken.node >= 0 else f"R{broken.reservation}"
        assert broken.before == pytest.approx(then[who][broken.limit][0], abs=CLOSE)
        assert broken.after == pytest.approx(now[who][broken.limit][0], abs=CLOSE)


@given(drawings(), st.floats(0.5, 6), st.floats(0.85, 0.97), st.floats(0.1, 300))
def test_a_bound_passes_nothing_that_a_whole_flow_refuses(
    drawing: Drawing, drop: float, lowest: float, kva: float
) -> None:
    plain = drawing.grid([])
    reserved = drawing.reserved(plain, drawing.places[:-1], own_lines=True)
    before = reckoned(plain, reserved, rules(drop, lowest))
    one = joining(before, drawing)
    chains = before.chains(
        np.array([one.at]), np.array([one.portion]), kva, kva, np.array([one.r]), np.array([one.x])
    )
    if chains.end[0] > 0.0:
        refused = bool(before.standing.broken([one], kva))
        assert before.standing.spares(one, kva, float(chains.spare[0])) != refused
        assert before.standing.spares(one, kva, -1.0) != refused  # what was looked at is kept
        event("refused" if refused else "passed by the bound" if chains.spare[0] > 2e-6 else "looked at")


@given(drawings(), st.integers(0, 3), st.floats(1, 150))
def test_two_supplies_together_let_fall_what_two_reservations_of_one_number_do(
    drawing: Drawing, first: int, kva: float
) -> None:
    """The oracle is the tree with both in it as one customer; the lowest stand at their limit."""
    plain, book = drawing.grid([]), rules(50, 0.5)
    present = reckoned(plain, NOTHING_RESERVED, book)
    here = present.tree.positions(np.unique(plain.customer_node).astype(np.int64))
    low = present.tree.kv[here] < 1
    volts = np.abs(present.present.volts[here])
    least = {"low": volts[low].min(initial=1.0) - 1e-5, "medium": volts[~low].min(initial=1.0) - 1e-5}
    book = overridden(book, {"limits": {"lowest_pu": least}})
    one, other = (
        Place(node, None, 0.0, kva) for node in (drawing.nodes[first % len(drawing.nodes)], drawing.nodes[-2])
    )
    before = reckoned(plain, drawing.reserved(plain, [], own_lines=True), book)
    pair = replace(
        drawing.reserved(plain, [one, other], own_lines=True), reservation=np.array([4, 4], np.int64)
    )
    after = reckoned(plain, pair, book)
    joins = [joining(before, replace(drawing, places=[place])) for place in (one, other)]
    broken = before.standing.broken(joins, kva)
    for each in broken:
        there = int(after.tree.positions(np.array([each.node]))[0])
        volt = abs(after.present.volts[there])
        begin = max(int(after.tree.transformer[there]), int(after.begins[there]))
        expected = volt if each.limit == "lowest_voltage" else 100 * (abs(after.present.volts[begin]) - volt)
        assert each.after == pytest.approx(expected, abs=CLOSE)
    if before.standing.broken(joins[:1], kva) or before.standing.broken(joins[1:], kva):
        assert broken  # two harm no less than one
    elif joins[0].at != joins[1].at:
        assert before.standing.spared_by_two(joins[0], joins[1], kva) == (not broken)
    event("harm" if broken else "none")


@given(drawings())
def test_the_voltages_of_a_grid_are_those_of_power_grid_model(drawing: Drawing) -> None:
    """All loads at once, each at the end of his line: what a node takes is the sum of its customers."""
    flat = overridden(
        default_rules(),
        {"load": {"coincidence": [{"customers": 1, "factor": 1.0}]}, "limits": {"regulated_above_kv": 500}},
    )
    plain = drawing.grid([])
    own = reckoned(plain, drawing.reserved(plain, drawing.places, own_lines=True), flat)
    tree = own.tree
    taken = tree.kva.copy()
    np.subtract.at(taken, tree.parent[1:], tree.kva[1:])
    # position 0 is no node, and position 1 the node of the source, which holds its voltage
    z = np.where((own.r == 0) & (own.x == 0), 1e-10, own.r + 1j * own.x)[1:].astype(np.complex128)
    s = (taken / 1000.0 * complex(own.cosine, own.sine))[1:].astype(np.complex128)
    parent = np.maximum(tree.parent[1:] - 1, 0).astype(np.int32)
    try:
        expected = np.abs(voltages_of_power_grid_model((parent, z, s), source_va=1e15))
    except IterationDiverge:  # more than can be supplied
        return
    assert np.abs(own.present.volts[1:]) == pytest.approx(expected, abs=CLOSE)


def test_a_customer_at_the_end_is_harmed_by_one_in_the_middle() -> None:
    #  S ─ h ─[B]─ n0 ── L1: 5 ohm ── n1 ── L2 ── n2 ─ C: 500 kVA
    text = (
        "S source h\nB breaker h n0 feeder=F\nL1 line n0 n1 r=5 x=0 length=9\n"
        "L2 line n1 n2 r=1 x=0 length=9\nC customer n2 kva=500"
    )
    topology = build_topology(parse_grid(text))
    book = overridden(
        default_rules(),
        {
            "load": {"coincidence": [{"customers": 1, "factor": 1.0}], "power_factor": 1.0},
            "limits": {"voltage_drop_percent": {"medium": 4.0}},
        },
    )
    before = reckoned(topology, NOTHING_RESERVED, book)
    (row,) = [k for k, id in enumerate(topology.tables.nodes.id.tolist()) if id == "n1"]
    there = Joining(int(before.tree.positions(np.array([row]))[0]), 1.0, 0.0, 0.0)
    (one,) = before.standing.broken([there], 300.0)
    # 0.5 MVA over 6 ohm at 10 kV: 3 %, and a little for the losses; 0.3 MVA more over 5 of them: 1.5 %
    assert (one.limit, topology.tables.nodes.id[one.node], one.allowed) == ("voltage_drop", "n2", 4.0)
    assert one.before == pytest.approx(3.1, abs=0.02)
    assert one.after == pytest.approx(4.72, abs=0.05)
    assert before.standing.broken([there], 1.0) == []
    # who breaks a limit already is no reason
    strict = overridden(book, {"limits": {"voltage_drop_percent": {"medium": 3.0}}})
    assert reckoned(topology, NOTHING_RESERVED, strict).standing.broken([there], 300.0) == []
