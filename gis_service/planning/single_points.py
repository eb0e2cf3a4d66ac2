"""Single points of failure: elements whose loss alone takes a customer at some place out.

An element is one when, as switches stand, without it no way is left from any source to the place in one of
the phases asked for; such an element lies on every supply path. Loss means that it stops conducting: what
protection opens besides is the outage question's. `by_switching` tells where closing one open switch would
bring supply back, as far as connection goes; whether that way carries the load is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gis_service.kernels.blocks import find_blocks
from gis_service.kernels.compiled import B1, F64, I32, I64
from gis_service.kernels.radial import preorder, sum_up, way_up
from gis_service.kernels.shortest import shortest_tree
from gis_service.planning.supply_tree import SupplyTree
from gis_service.tracing.change import Change


class SinglePoint(NamedTuple):
    """The position of an element in the supply tree, and whether one switch would bring supply back."""

    position: int
    by_switching: bool


class _Phase(NamedTuple):
    """What one phase, or several that go the same ways, hangs on.

    alone : bool by edge of the part, whether it is the only way to what lies behind it
    node, place : the node behind each edge, and the position of each node in a tree of the phase, -1 without
    stop : by position, the end of the positions at and below
    begin, end : of each open switch the positions of its two ends; 0 for the supply
    """

    alone: B1
    behind: I64
    stop: I64
    begin: I64
    end: I64


@dataclass(frozen=True)
class Exposure:
    """What the places of a supply tree hang on, phase by phase."""

    tree: SupplyTree
    phases: list[_Phase]

    def single_points(self, at: int, *, mid_span: bool) -> list[SinglePoint]:
        """The single points of a place, from the source on; `mid_span`: on the edge that leads to `at`.

        A line that is tapped is always one, and no switching replaces it.
        """
        found: list[SinglePoint] = []
        tree = self.tree
        way, last = way_up(tree.parent, at), tree.edge_begins(at)
        for position in way[tree.since[way] == 0.0].tolist():  # each element once
            edge = int(tree.part_edge[position])
            hang = [one for one in self.phases if one.alone[edge]]
            if mid_span and position == last:
                found.append(SinglePoint(position, False))
            elif hang:
                found.append(SinglePoint(position, self._brought_back(edge, hang)))
        return found

    @staticmethod
    def _brought_back(edge: int, hang: list[_Phase]) -> bool:
        """Whether one open switch joins what hangs on an edge to the rest, in every phase that does."""
        joins = np.ones(hang[0].begin.size, np.bool_)
        for one in hang:
            first = int(one.behind[edge])
            stop = int(one.stop[first])
            inside = [(first <= ends) & (ends < stop) for ends in (one.begin, one.end)]
            joins &= (inside[0] != inside[1]) & (one.begin >= 0) & (one.end >= 0)
        return bool(joins.any())


def exposure(tree: SupplyTree, phases: int) -> Exposure:
    """What the places of a tree hang on for some phases: O(part of the network that the tree is of)."""
    part, topology = tree.part, tree.topology
    switches = np.flatnonzero(part.is_layer("switch") & (part.mask == 0))
    switches = switches[(part.edge_phases[switches] & phases) == phases]
    edges = part.edge[switches]
    change = Change(topology, tree.state)
    ends = [
        (part.edge_from[switches], topology.edge_from[edges]),
        (part.edge_to[switches], topology.edge_to[edges]),
    ]
    fed = [change.phases(outside.astype(np.int32))[0] for _, outside in ends]
    made: list[_Phase] = []
    seen: set[bytes] = set()
    for bit in (1 << k for k in range(phases.bit_length()) if phases >> k & 1):
        conducts: B1 = (part.mask & bit) != 0
        if conducts.tobytes() in seen:
            continue
        seen.add(conducts.tobytes())
        blocks = find_blocks(
            *part.arcs, conducts, part.nodes_allowed(root=True), np.array([part.root], np.int64)
        )
        alone: B1 = (blocks.edge_block >= 0) & (np.append(blocks.size, 0)[blocks.edge_block] == 1)
        place, behind, stop = _tree_of(tree, conducts)
        begin, end = (
            # an end beyond this part is the supply, where it has any
            np.where(local >= 0, place[local], np.where(there & bit, 0, -1))
            for (local, _), there in zip(ends, fed, strict=True)
        )
        made.append(_Phase(alone, behind, stop, begin.astype(np.int64), end.astype(np.int64)))
    return Exposure(tree, made)


def _tree_of(tree: SupplyTree, conducts: B1) -> tuple[I64, I64, I64]:
    """A tree over conducting edges: positions by node and by last edge, and where those below each end."""
    part = tree.part
    local: I32 = tree.part_node
    parent, last = tree.parent, tree.part_edge
    here: I64 = np.flatnonzero(local >= 0)
    if not np.array_equal(conducts, part.mask != 0):
        shortest = shortest_tree(
            *part.arcs,
            weight=part.edge_length_m,
            conducts=conducts,
            allowed=part.nodes_allowed(root=True),
            rank=part.edge_rank,
            seeds=np.array([part.root], np.int64),
        )
        local, parent = preorder(shortest.previous, part.root)
        last = shortest.edge[local].astype(np.int64)
        here = np.arange(local.size)
    place = np.full(part.n_nodes + 1, -1, np.int64)
    place[local[here]] = here
    behind = np.full(part.n_edges, -1, np.int64)
    behind[last[here[1:]]] = here[1:]
    size: F64 = sum_up(parent, np.ones(local.size))
    return place, behind, np.arange(local.size) + size.astype(np.int64)
