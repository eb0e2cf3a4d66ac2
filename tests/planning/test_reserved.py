"""Reserved capacity counts as the customers themselves would, once they are in the grid.

The oracle is another grid: the same text with a customer more for each reservation, a tapped line written as
two lines with a node between them. What it answers for the nodes of the first grid is what must come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from gis_service.kernels.radial import way_up
from gis_service.network.build import build_topology
from gis_service.network.switching import loaded_state
from gis_service.network.text import parse_grid
from gis_service.network.topology import Topology
from gis_service.planning.explain import element_id, elements_of
from gis_service.planning.headroom import headroom_at
from gis_service.planning.reckoned import Reckoned, reckon
from gis_service.planning.reserved import NOTHING_RESERVED, Reserved, at_or_below, with_reserved
from gis_service.planning.rules import default_rules
from gis_service.planning.single_points import exposure
from gis_service.planning.supply_tree import supply_tree

OWN = "low cable 95"
OWN_M = 150.0
OWN_OHM = 0.320 * OWN_M / 1000, 0.075 * OWN_M / 1000
"""An own line of a reservation, of a conductor of the default rules."""

HEAD = ["ST substation", "h node substation=ST", "S source h", "B breaker h n0 feeder=F"]


@dataclass(frozen=True)
class Line:
    """A line of the drawing, tapped at some fractions of its length from its first end."""

    id: str
    ends: tuple[str, str]
    kv: float
    r: float
    x: float
    length: float
    rated: float

    def written(self, taps: list[float]) -> list[str]:
        cuts = [0.0, *taps, 1.0]
        nodes = [self.ends[0], *(f"{self.id}@{k}" for k in range(len(taps))), self.ends[1]]
        told = [f"{node} node kv={self.kv}" for node in nodes[1:-1]]
        for k, (begin, end) in enumerate(pairwise(cuts)):
            part = end - begin
            id = self.id if not taps else f"{self.id}~{k}"
            told.append(
                f"{id} line {nodes[k]} {nodes[k + 1]} kv={self.kv} r={self.r * part!r} x={self.x * part!r} "
                f"length={self.length * part!r} rated={self.rated}"
            )
        return told


@dataclass(frozen=True)
class Place:
    """Where something is reserved: a node, or a line at a fraction; and how much."""

    node: str | None
    line: str | None
    fraction: float
    kva: float


@dataclass(frozen=True)
class Drawing:
    nodes: list[str]
    lines: list[Line]
    others: list[str]
    places: list[Place]

    def grid(self, places: list[Place], *, own_lines: bool = False) -> Topology:
        """The grid in which these places have customers, each just there or at the end of his own line."""
        return build_topology(parse_grid("\n".join(self.text(places, own_lines=own_lines))))

    def text(self, places: list[Place], *, own_lines: bool = False) -> list[str]:
        """The same as text, customer R0 at the first place, R1 at the second, …"""
        text = [*HEAD, *self.others]
        kv = {words[0]: "10.0" for words in map(str.split, text)}
        for one in (words for words in map(str.split, text) if words[1] == "transformer"):
            kv |= {one[3]: "0.4", f"{one[3]}e": "0.4"}
        joined: list[tuple[int, str, str]] = []
        for line in self.lines:
            mine = sorted({one.fraction for one in places if one.line == line.id})
            text += line.written(mine)
            joined += [
                (k, f"{line.id}@{mine.index(one.fraction)}", f"{line.kv}")
                for k, one in enumerate(places)
                if one.line == line.id
            ]
        joined += [
            (k, one.node, kv.get(one.node, "10.0")) for k, one in enumerate(places) if one.node is not None
        ]
        for k, node, volts in joined:
            if own_lines:
                text += [
                    f"O{k} node kv={volts}",
                    f"P{k} line {node} O{k} kv={volts} r={OWN_OHM[0]!r} x={OWN_OHM[1]!r} length={OWN_M!r}",
                ]
            text.append(f"R{k} customer {f'O{k}' if own_lines else node} kva={places[k].kva!r}")
        # declarations of nodes come first
        text.sort(key=lambda one: " node" not in one)
        return text

    def reserved(self, topology: Topology, places: list[Place], *, own_lines: bool = False) -> Reserved:
        """The same places as reservations in the first grid, with lines of their own or of no conductor."""

        def row(layer: str, id: str | None) -> int:
            found = None if id is None else topology.ids.row(layer, id)
            return -1 if found is None else found

        if not places:
            return NOTHING_RESERVED
        return Reserved(
            np.arange(len(places)),
            np.array([row("connectivity_node", one.node) for one in places], np.int64),
            np.array([row("line_section", one.line) for one in places], np.int64),
            np.array([one.fraction for one in places]),
            np.array([one.kva for one in places]),
            [OWN if own_lines else "no such"] * len(places),
            np.full(len(places), OWN_M),
        )


@st.composite
def drawings(draw: st.DrawFn, *, loops: bool = False) -> Drawing:
    def number(low: float, high: float) -> float:
        return draw(st.integers(0, 1000)) / 1000.0 * (high - low) + low

    nodes, lines, others = ["n0"], [], ["n0 node"]
    for k in range(1, draw(st.integers(1, 5)) + 1):
        above = draw(st.sampled_from(nodes))
        ends = (above, f"n{k}") if draw(st.booleans()) else (f"n{k}", above)
        lines.append(
            Line(
                f"L{k}", ends, 10.0, number(0.1, 2), number(0.1, 2), number(100, 3000) + k / 7, number(20, 90)
            )
        )
        nodes.append(f"n{k}")
        others.append(f"n{k} node")
        if draw(st.booleans()):
            others.append(f"C{k} customer n{k} kva={number(5, 300)!r}")
    if loops:
        ends = (nodes[-1], draw(st.sampled_from(nodes[:-1])))
        lines.append(Line("Z", ends, 10.0, 0.5, 0.4, number(100, 3000) + 1 / 3, 60.0))
    for k in range(draw(st.integers(0, 2))):
        at, low = draw(st.sampled_from(nodes)), f"l{k}"
        others += [f"{low} node kv=0.4", f"T{k} transformer {at} {low} kva=160", f"D{k} district T{k}"]
        others.append(f"K{k} customer {low} kva={number(5, 60)!r}")
        ends = (low, f"{low}e")
        lines.append(Line(f"W{k}", ends, 0.4, number(0.01, 0.06), 0.02, number(30, 200), number(80, 250)))
        others.append(f"{low}e node kv=0.4")
        nodes += [low, f"{low}e"]
    places = []
    for _ in range(draw(st.integers(1, 5))):
        tap = draw(st.booleans())
        places.append(
            Place(
                None if tap else draw(st.sampled_from(nodes)),
                draw(st.sampled_from([one.id for one in lines])) if tap else None,
                draw(st.sampled_from([0.125, 0.3, 0.5, 0.81])) if tap else 0.0,
                number(1, 150),
            )
        )
    return Drawing([*nodes, "h"], lines, others, places)


def reckoned(topology: Topology, reserved: Reserved) -> Reckoned:
    tree = supply_tree(topology, loaded_state(topology), np.arange(topology.n_nodes))
    return reckon(with_reserved(tree, reserved), default_rules())


def position(reckoned: Reckoned, node: str) -> int:
    row = reckoned.tree.topology.ids.row("connectivity_node", node)
    assert row is not None
    return int(reckoned.tree.positions(np.array([row]))[0])


@given(drawings())
def test_headroom_beside_reservations_is_that_of_a_grid_with_the_customers_in_it(drawing: Drawing) -> None:
    plain = drawing.grid([])
    for count in range(len(drawing.places) + 1):  # reserved one after another
        places = drawing.places[:count]
        note(places)
        ours = reckoned(plain, drawing.reserved(plain, places))
        theirs = reckoned(drawing.grid(places), NOTHING_RESERVED)
        for node in drawing.nodes:
            at, there = position(ours, node), position(theirs, node)
            assert ours.before[at] == pytest.approx(theirs.before[there], rel=1e-9, abs=1e-9)
            assert ours.tree.customers[at] == theirs.tree.customers[there]
            assert ours.present.volts[at] == pytest.approx(theirs.present.volts[there], rel=1e-9)
            assert ours.radius_m[at] == pytest.approx(theirs.radius_m[there], rel=1e-9)
            found, expected = headroom_at(ours, at), headroom_at(theirs, there)
            assert found.limit == expected.limit
            assert found.kva == pytest.approx(expected.kva, rel=1e-6, abs=1e-6)
            assert found.value == pytest.approx(expected.value, rel=1e-6, abs=1e-9)
            named = element_id(ours.tree, found.position)
            assert named == element_id(theirs.tree, expected.position).partition("~")[0]


@given(drawings())
def test_what_lines_of_reserved_customers_lose_counts_in_all_that_feeds_them(drawing: Drawing) -> None:
    plain = drawing.grid([])
    ours = reckoned(plain, drawing.reserved(plain, drawing.places, own_lines=True))
    theirs = reckoned(drawing.grid(drawing.places, own_lines=True), NOTHING_RESERVED)
    for node in drawing.nodes:
        at, there = position(ours, node), position(theirs, node)
        assert ours.before[at] == pytest.approx(theirs.before[there], rel=1e-9, abs=1e-9)
        assert ours.present.volts[at] == pytest.approx(theirs.present.volts[there], rel=1e-9)
        assert ours.present.below_loss[at] == pytest.approx(theirs.present.below_loss[there], rel=1e-6)
        found, expected = headroom_at(ours, at), headroom_at(theirs, there)
        assert found.limit == expected.limit
        assert found.kva == pytest.approx(expected.kva, rel=1e-6, abs=1e-6)
    for k in range(len(drawing.places)):
        end, there = int(ours.tree.reserved_at[k]), position(theirs, f"O{k}")
        assert ours.present.volts[end] == pytest.approx(theirs.present.volts[there], rel=1e-9)


@given(drawings(loops=True))
def test_a_tap_of_a_line_that_closes_a_loop_burdens_the_end_it_is_supplied_from(drawing: Drawing) -> None:
    plain = drawing.grid([])
    ours = reckoned(plain, drawing.reserved(plain, drawing.places))
    theirs = reckoned(drawing.grid(drawing.places), NOTHING_RESERVED)
    for node in drawing.nodes:
        at, there = position(ours, node), position(theirs, node)
        assert ours.before[at] == pytest.approx(theirs.before[there], rel=1e-9, abs=1e-9)
        assert ours.room[0][at] == pytest.approx(theirs.room[0][there], rel=1e-9, abs=1e-9)


@given(drawings())
def test_what_is_reserved_is_told_where_it_burdens(drawing: Drawing) -> None:
    plain = drawing.grid([])
    tree = reckoned(plain, drawing.reserved(plain, drawing.places)).tree
    # the sum over the loads found one by one is the sum that was made along the tree
    for place in range(1, tree.size):
        of = at_or_below(tree, place)
        told = sum(drawing.places[k].kva for k in of.tolist())
        assert tree.reserved_kva[place] == pytest.approx(told, rel=1e-9, abs=1e-9)
    total = sum(one.kva for one in drawing.places)
    assert tree.reserved_kva[1] == pytest.approx(total)  # all hangs on the one source


def test_two_supplies_of_a_customer_burden_what_they_share_once() -> None:
    #   h ─ n0 ┬ L1 ─ n1
    #          └ L2 ─ n2
    drawing = Drawing(
        ["h", "n0", "n1", "n2"],
        [
            Line("L1", ("n0", "n1"), 10.0, 0.1, 0.1, 500.0, 90.0),
            Line("L2", ("n0", "n2"), 10.0, 0.1, 0.1, 700.0, 90.0),
        ],
        ["n0 node", "n1 node", "n2 node"],
        [],
    )
    grid = drawing.grid([])
    rows = np.array([grid.ids.row("connectivity_node", one) for one in ("n1", "n2")], np.int64)
    no_edge, start = np.full(2, -1), np.zeros(2)
    own = ["no such"] * 2, np.zeros(2)
    pair = Reserved(np.array([7, 7]), rows, no_edge, start, np.array([400.0, 400.0]), *own)
    tree = reckoned(grid, pair).tree
    expected = {"n1": (400.0, 1), "n2": (400.0, 1), "n0": (400.0, 1), "h": (400.0, 1)}
    for node, (kva, customers) in expected.items():
        at = position(reckoned(grid, pair), node)
        assert (tree.reserved_kva[at], tree.customers[at]) == (kva, customers)
    apart = Reserved(np.array([7, 8]), rows, no_edge, start, np.array([400.0, 400.0]), *own)
    tree = reckoned(grid, apart).tree
    assert tree.reserved_kva[position(reckoned(grid, apart), "n0")] == 800.0


def test_a_tapped_line_is_told_once_and_as_loaded_as_its_first_part() -> None:
    drawing = Drawing(
        ["n0", "n1"],
        [Line("L1", ("n0", "n1"), 10.0, 0.1, 0.1, 500.0, 90.0)],
        ["n0 node", "n1 node", "C customer n1 kva=100"],
        [Place(None, "L1", 0.5, 50.0), Place(None, "L1", 0.25, 30.0)],
    )
    grid = drawing.grid([])
    found = reckoned(grid, drawing.reserved(grid, drawing.places))
    way = way_up(found.tree.parent, position(found, "n1"))
    told = elements_of(found.tree, way)
    assert [element_id(found.tree, int(one)) for one in told] == ["S", "B", "L1"]
    alone = exposure(found.tree, 7).single_points(position(found, "n1"), mid_span=False)
    assert [element_id(found.tree, one.position) for one in alone] == ["S", "B", "L1"]
    assert found.tree.kva[told[-1]] == 180.0  # all three
    assert found.tree.kva[way[-1]] == 100.0  # past both taps
