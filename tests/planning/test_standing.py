"""Whose limits a customer more would break: those of the grid in which everybody stands in it.

The oracle is another grid, as in `test_reserved`: each reservation is a customer in it. Who keeps which limit
before and after is read off the voltages there, customer by customer; and these voltages are held against
power-grid-model in a test of their own.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from power_grid_model.errors import (  # type: ignore[attr-defined]  # not in its __all__
    IterationDiverge,
)

from gis_service.kernels.powerflow import radial_flow
from gis_service.network.build import build_topology
from gis_service.network.switching import loaded_state
from gis_service.network.text import parse_grid
from gis_service.network.topology import Topology
from gis_service.planning.reckoned import Reckoned, reckon
from gis_service.planning.reserved import NOTHING_RESERVED, Reserved, with_reserved
from gis_service.planning.rules import Rules, default_rules, overridden
from gis_service.planning.standing import OwnLine, newly_broken
from gis_service.planning.supply_tree import TRANSFORMER, supply_tree
from tests.kernels.test_powerflow import voltages_of_power_grid_model
from tests.planning.test_reserved import Drawing, drawings

LINE = OwnLine(0.0, 0.05, 0.03)
"""What each reservation's own line has, in ohms."""

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

    The first places are reserved. Each of them has a line of his own from there, along which a flow of its
    own lets voltage fall.
    """
    topology = drawing.grid(drawing.places[:count])
    own = reckoned(topology, NOTHING_RESERVED, book)
    tree, tables = own.tree, topology.tables
    volts = np.abs(own.present.volts)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for row, node in enumerate(topology.customer_node.tolist()):
        at = int(tree.positions(np.array([node]))[0])
        top = at
        while tree.kind[top] != TRANSFORMER and tree.parent[top] > 0:  # up to a transformer, or to the source
            top = int(tree.parent[top])
        kv, id, volt = float(tree.kv[at]), str(tables.customers.id[row]), float(volts[at])
        if id.startswith("R"):
            z = complex(LINE.r_ohm, LINE.x_ohm) / kv**2
            s = drawing.places[int(id[1:])].kva / 1000 * complex(own.cosine, own.sine)
            flow = radial_flow(np.array([-1, 0], np.int32), np.array([0, z]), np.array([0, s]), source=volt)
            volt = abs(flow.voltage[1]) if flow.rounds else 0.0
        level = book.level_of(kv)
        assert level is not None
        drop = 100 * (volts[top] - volt)
        found[id] = {
            "voltage_drop": (drop, drop - book.limits.voltage_drop_percent.of(level)),
            "lowest_voltage": (volt, book.limits.lowest_pu.of(level) - volt),
        }
    return found


@given(drawings(), st.floats(0.5, 6), st.floats(0.85, 0.97))
def test_limits_broken_for_others_are_those_of_the_grid_with_everybody_in_it(
    drawing: Drawing, drop: float, lowest: float
) -> None:
    book, plain = rules(drop, lowest), drawing.grid([])
    count = len(drawing.places) - 1
    before = reckoned(plain, drawing.reserved(plain, drawing.places[:count]), book)
    after = reckoned(plain, drawing.reserved(plain, drawing.places), book)
    lines = {k: LINE._replace(kva=drawing.places[k].kva) for k in range(count)}
    found = newly_broken(before, after, lines)
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
        for who in (at_node[one.node] if one.node >= 0 else [f"R{one.load}"])
    }
    assert told - unsure == expected - unsure
    event("somebody is harmed" if expected else "nobody is harmed")
    for one in found:
        who = at_node[one.node][0] if one.node >= 0 else f"R{one.load}"
        assert one.before == pytest.approx(then[who][one.limit][0], abs=CLOSE)
        assert one.after == pytest.approx(now[who][one.limit][0], abs=CLOSE)


@given(drawings())
def test_the_voltages_of_a_grid_are_those_of_power_grid_model(drawing: Drawing) -> None:
    """All loads at once: then what a node takes is the plain sum of its customers."""
    flat = overridden(
        default_rules(),
        {"load": {"coincidence": [{"customers": 1, "factor": 1.0}]}, "limits": {"regulated_above_kv": 500}},
    )
    own = reckoned(drawing.grid(drawing.places), NOTHING_RESERVED, flat)
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
    (row,) = [k for k, id in enumerate(topology.tables.nodes.id.tolist()) if id == "n1"]
    none = np.array([-1])
    more = Reserved(np.array([1]), np.array([row]), none, np.zeros(1), np.array([300.0]))
    before, after = (reckoned(topology, one, book) for one in (NOTHING_RESERVED, more))
    (one,) = newly_broken(before, after, {})
    # 0.5 MVA over 6 ohm at 10 kV: 3 %, and a little for the losses; 0.3 MVA more over 5 of them: 1.5 %
    assert (one.limit, topology.tables.nodes.id[one.node], one.allowed) == ("voltage_drop", "n2", 4.0)
    assert one.before == pytest.approx(3.1, abs=0.02)
    assert one.after == pytest.approx(4.72, abs=0.05)
    assert newly_broken(after, after, {}) == []  # who breaks a limit already is no reason
    assert Counter(one.limit for one in newly_broken(before, before, {})) == Counter()
