"""Single points of failure in small random meshes, against taking out one element after the other.

The oracle is a search for a way with networkx, phase by phase, over what the text of a grid says.
"""

from __future__ import annotations

from typing import NamedTuple

import networkx as nx
import numpy as np

from gis_service.network.build import build_topology
from gis_service.network.switching import loaded_state
from gis_service.network.tables import phase_mask
from gis_service.network.text import parse_grid
from gis_service.planning.explain import element_id
from gis_service.planning.single_points import exposure
from gis_service.planning.supply_tree import supply_tree

SUPPLY = "supply"


class Element(NamedTuple):
    id: str
    a: str
    b: str
    phases: str
    open: bool


def random_mesh(seed: int) -> list[Element]:
    """Up to two sources and a dozen lines and switches between eight nodes, with parallel ones and loops."""
    rng = np.random.default_rng(seed)
    made = [Element("S0", SUPPLY, "n0", "ABC", False)]
    if rng.random() < 0.5:
        made.append(Element("S1", SUPPLY, f"n{rng.integers(1, 8)}", "ABC", False))
    ends = [(int(rng.integers(0, k)), k) for k in range(1, 8)]
    ends += [tuple(sorted(rng.integers(0, 8, 2).tolist())) for _ in range(int(rng.integers(0, 6)))]
    for k, (a, b) in enumerate(ends):
        phases = str(rng.choice(["ABC", "ABC", "ABC", "AB", "C"]))
        is_switch = rng.random() < 0.4
        made.append(
            Element(
                f"{'K' if is_switch else 'L'}{k}",
                f"n{a}",
                f"n{b}",
                phases,
                bool(is_switch and rng.random() < 0.5),
            )
        )
    return made


def text_of(mesh: list[Element]) -> str:
    lines = []
    for one in mesh:
        if one.a == SUPPLY:
            lines.append(f"{one.id} source {one.b}")
        elif one.id.startswith("L"):
            lines.append(f"{one.id} line {one.a} {one.b} {one.phases}")
        else:
            lines.append(
                f"{one.id} load_break_switch {one.a} {one.b} {one.phases}{' open' if one.open else ''}"
            )
    return "\n".join(lines)


def is_fed(mesh: list[Element], node: str, phases: str, *, without: str = "", closed: str = "") -> bool:
    """Whether every phase finds a way from the supply to a node."""
    for phase in phases:
        graph = nx.Graph()
        graph.add_nodes_from((SUPPLY, node))
        graph.add_edges_from(
            (one.a, one.b)
            for one in mesh
            if phase in one.phases and one.id != without and (not one.open or one.id == closed)
        )
        if not nx.has_path(graph, SUPPLY, node):
            return False
    return True


def test_single_points_are_what_taking_out_one_element_after_the_other_finds() -> None:
    seen = switched = 0
    for seed in range(300):
        mesh = random_mesh(seed)
        topology = build_topology(parse_grid(text_of(mesh)))
        tree = supply_tree(topology, loaded_state(topology), np.arange(topology.n_nodes))
        ids = topology.tables.nodes.id.tolist()
        for phases in ("ABC", "A", "BC"):
            found = exposure(tree, phase_mask(phases))
            for row, id in enumerate(ids):
                at = int(tree.positions(np.array([row]))[0])
                if at <= 0 or (int(tree.carries[at]) & phase_mask(phases)) != phase_mask(phases):
                    continue
                told = {
                    element_id(tree, one.position): one.by_switching
                    for one in found.single_points(at, mid_span=False)
                }
                alone = {one.id for one in mesh if not is_fed(mesh, id, phases, without=one.id)}
                assert set(told) == alone, (seed, id, phases)
                for one in alone:
                    ties = [
                        tie.id
                        for tie in mesh
                        if tie.open and set(phases) <= set(tie.phases) and tie.id != one
                    ]
                    brought_back = any(is_fed(mesh, id, phases, without=one, closed=tie) for tie in ties)
                    assert told[one] == brought_back, (seed, id, phases, one)
                    switched += brought_back
                seen += len(alone)
    assert seen > 1000
    assert switched > 50


def test_a_tapped_line_is_a_single_point_though_both_its_ends_are_fed() -> None:
    drawn = "S source a\nL1 line a b\nL2 line b c\nL3 line c a\n"
    topology = build_topology(parse_grid(drawn))
    tree = supply_tree(topology, loaded_state(topology), np.arange(3))
    line = topology.tables.lines.id.tolist().index("L1")
    at = int(tree.positions_of_edges(np.array([line]))[0])
    found = exposure(tree, phase_mask("ABC"))
    told = [element_id(tree, one.position) for one in found.single_points(at, mid_span=True)]
    assert told == ["S", "L1"]
    assert [element_id(tree, one.position) for one in found.single_points(at, mid_span=False)] == ["S"]
