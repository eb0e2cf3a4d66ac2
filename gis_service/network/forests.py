"""Supply forests: the network as it normally stands, in preorder, with the customers in the same order.

One forest serves all three phases where it can (see `kernels.forest.keeps_phases_apart`), else each phase has
its own. A forest belongs to the topology: switching never changes it, only where it is cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.arcs import Arcs
from gis_service.kernels.chords import Chords, find_chords
from gis_service.kernels.compiled import I32, U8
from gis_service.kernels.forest import Forest, grow_forest, keeps_phases_apart
from gis_service.kernels.hung import Hung, hang
from gis_service.network.tables import ALL_PHASES


class SupplyForest(NamedTuple):
    """The forest of some phases (`bits`), the edges that it leaves out, and the customers on its nodes."""

    bits: int
    forest: Forest
    chords: Chords
    customers: Hung


def grow(arcs: Arcs, edge_from: I32, edge_to: I32, edge_phases: U8, normally: U8, root: int) -> list[Forest]:
    """The forests of the normal state: one for all phases, or one each for A, B and C.

    Parameters
    ----------
    normally
        uint8 `(n_edges,)`: phases that each edge conducts in the normal state.
    """
    whole = grow_forest(*arcs, normally, root, ALL_PHASES)
    if keeps_phases_apart(edge_from, edge_to, edge_phases, whole, ALL_PHASES):
        return [whole]
    return [grow_forest(*arcs, normally, root, bit) for bit in (1, 2, 4)]


def bits_of(forests: list[Forest]) -> list[int]:
    """The phases of each of the forests that `grow` gave."""
    return [ALL_PHASES] if len(forests) == 1 else [1, 2, 4]


def normal_phases(forests: list[Forest], nodes: I32) -> U8:
    """Phases that reach some nodes in the normal state, uint8; none at node -1."""
    reached = np.zeros(nodes.size, np.uint8)
    for forest in forests:
        position = forest.place[nodes]
        supplied = position < (forest.trees[1] if forest.trees.size > 1 else forest.end.size)
        reached |= np.where(supplied & (nodes >= 0), forest.path[position], 0).astype(np.uint8)
    return reached


def supply_forests(
    forests: list[Forest], edge_from: I32, edge_to: I32, edge_phases: U8, customer_node: I32, needs: U8
) -> tuple[SupplyForest, ...]:
    """Forests with all that hangs on them; `needs` are the phases that each customer needs."""
    return tuple(
        SupplyForest(
            bits,
            forest,
            find_chords(edge_from, edge_to, edge_phases, forest, bits),
            hang(forest, customer_node, needs),
        )
        for bits, forest in zip(bits_of(forests), forests, strict=True)
    )
