"""Capacity that is reserved, as loads on a supply tree: each burdens the way from its place to the source.

A load joins at a node, or at a point of a line, which then counts as two parts: what is reserved flows
through the upper one alone. It stands at the end of the line that its customer gets, so what that line
loses flows through all above as well. The two supplies of one customer burden what they share once, as he
draws his power through one or the other. Knows rows and edges of a topology; who reserved what, and whether
it still has a place, is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gis_service.kernels.compiled import F64, I64
from gis_service.kernels.radial import sum_up, way_up
from gis_service.planning.supply_tree import OWN_LINE, SupplyTree


@dataclass(frozen=True, eq=False)
class Reserved:
    """Reserved loads of one topology; arrays by load.

    reservation : int64, its number; two loads of the same are the two supplies of one customer
    node : int64, row of the node where it joins; -1 where it taps a line
    edge : int64, edge of the line that it taps; -1 where it joins at a node
    fraction : float64, how far along that line, from its `from_node`
    kva : float64, the three-phase load that burdens each phase as much
    conductor, length_m : of the line from there to the customer; a conductor that the rules do not have
        lets nothing fall and loses nothing
    """

    reservation: I64
    node: I64
    edge: I64
    fraction: F64
    kva: F64
    conductor: Sequence[str]
    length_m: F64

    @property
    def size(self) -> int:
        """How many loads."""
        return int(self.kva.size)


_NONE = np.empty(0, np.int64)
NOTHING_RESERVED = Reserved(_NONE, _NONE, _NONE, np.empty(0), np.empty(0), (), np.empty(0))


def with_reserved(tree: SupplyTree, reserved: Reserved) -> SupplyTree:
    """The tree with what is reserved in it: each load with its power and as one customer more.

    What is not supplied in this tree, or lies elsewhere, burdens nothing. A tap of a line that is not in the
    tree (it closes a loop) burdens the end that is nearer to the source. O(positions) and, for each customer
    with two supplies, the length of their ways.
    """
    if not reserved.size:
        return tree
    tapped = reserved.edge >= 0
    at = np.full(reserved.size, -1, np.int64)
    at[~tapped] = tree.positions(reserved.node[~tapped])
    at[tapped] = tree.positions_of_edges(reserved.edge[tapped])
    split = np.flatnonzero(tapped & (at > 0))
    beside = np.flatnonzero(tapped & (at <= 0))
    onwards = tree.topology.edge_to[reserved.edge[split]] == tree.node[at[split]]
    portion = np.where(onwards, reserved.fraction[split], 1.0 - reserved.fraction[split])
    cuts, cut_of = np.unique(np.column_stack([at[split], portion]), axis=0, return_inverse=True)
    whole, places, shifted = _split(tree, cuts[:, 0].astype(np.int64), cuts[:, 1])
    placed = np.full(reserved.size, -1, np.int64)
    joined = np.flatnonzero(~tapped & (at > 0))
    placed[joined] = shifted[at[joined]]
    placed[split] = places[cut_of.ravel()]
    placed[beside] = [
        _nearer_end(whole, int(reserved.edge[k]), float(reserved.fraction[k])) for k in beside.tolist()
    ]
    whole, placed = _with_own_lines(whole, placed)
    load, customers = just_there(whole, reserved, placed)
    below = sum_up(whole.parent, load)
    return replace(
        whole,
        kva=whole.kva + below,
        customers=whole.customers + sum_up(whole.parent, customers).round().astype(np.int64),
        reserved_kva=below,
        reserved=reserved,
        reserved_at=placed,
    )


def at_or_below(tree: SupplyTree, position: int) -> I64:
    """Which of the reserved loads of a tree burden a position, ascending."""
    if tree.reserved is None:
        return _NONE
    found = [
        k
        for k, place in enumerate(tree.reserved_at.tolist())
        if place >= position and position in way_up(tree.parent, place)
    ]
    return np.array(found, np.int64)


def _split(tree: SupplyTree, at: I64, portion: F64) -> tuple[SupplyTree, I64, I64]:
    """The tree with the edges to some positions in parts; `at` ascending, portions ascending within one.

    Returns
    -------
    tree, places, shifted
        The new tree, the position of each new part, and the new position of every old one.
    """
    old = np.arange(tree.size)
    shifted = old + np.searchsorted(at, old, side="right")
    if not at.size:
        return tree, at, shifted
    places = at + np.arange(at.size)
    parent = np.where(tree.parent >= 0, shifted[tree.parent], -1)
    parent = np.insert(parent, at, parent[at])
    again = np.flatnonzero(at[1:] == at[:-1]) + 1
    parent[places[again]] = places[again - 1]
    last = np.flatnonzero(np.append(at[1:] != at[:-1], True))
    parent[shifted[at[last]]] = places[last]
    since, upto = np.insert(tree.since, at, 0.0), np.insert(tree.upto, at, portion)
    since[places[again]] = portion[again - 1]
    since[shifted[at[last]]] = portion[last]

    def repeated(column: np.ndarray) -> np.ndarray:
        return np.insert(column, at, column[at])

    split = replace(
        tree,
        parent=parent.astype(np.int32),
        node=repeated(tree.node),
        edge=repeated(tree.edge),
        kind=repeated(tree.kind),
        carries=repeated(tree.carries),
        kva=repeated(tree.kva),
        customers=repeated(tree.customers),
        kv=repeated(tree.kv),
        bare=np.insert(tree.bare, at, False),
        part_node=repeated(tree.part_node),
        part_edge=repeated(tree.part_edge),
        since=since,
        upto=upto,
        node_places=shifted[tree.node_places],
    )
    return split, places, shifted


def _with_own_lines(tree: SupplyTree, joined: I64) -> tuple[SupplyTree, I64]:
    """The tree with an own line from each place where a load joins (-1: nowhere), and the ends of these."""
    loads = np.flatnonzero(joined > 0)
    loads = loads[np.argsort(joined[loads], kind="stable")]
    at = joined[loads]
    old = np.arange(tree.size)
    shifted = old + np.searchsorted(at, old, side="left")
    # right behind the place it hangs on, so the positions stay in preorder
    ends = np.full(joined.size, -1, np.int64)
    ends[loads] = at + 1 + np.arange(at.size)

    def with_ends(column: np.ndarray, value: Any) -> Any:
        return np.insert(column, at + 1, value)

    parent = np.where(tree.parent >= 0, shifted[tree.parent], -1)
    grown = replace(
        tree,
        parent=with_ends(parent, shifted[at]).astype(np.int32),
        node=with_ends(tree.node, -1),
        edge=with_ends(tree.edge, -1),
        kind=with_ends(tree.kind, OWN_LINE),
        carries=with_ends(tree.carries, tree.carries[at]),
        kva=with_ends(tree.kva, 0.0),
        customers=with_ends(tree.customers, 0),
        kv=with_ends(tree.kv, tree.kv[at]),
        bare=with_ends(tree.bare, False),
        part_node=with_ends(tree.part_node, -1),
        part_edge=with_ends(tree.part_edge, -1),
        since=with_ends(tree.since, 0.0),
        upto=with_ends(tree.upto, 1.0),
        node_places=shifted[tree.node_places],
    )
    return grown, ends


def _nearer_end(tree: SupplyTree, edge: int, fraction: float) -> int:
    """The end from which a point of a line without supply of its own is supplied; -1 without one."""
    topology = tree.topology
    ends = np.array([topology.edge_from[edge], topology.edge_to[edge]], np.int64)
    at = tree.positions(ends)
    length = float(topology.edge_length_m[edge])
    ways = [
        (float(tree.length_m[way_up(tree.parent, int(place))].sum()) + part * length, int(place))
        for place, part in zip(at.tolist(), (fraction, 1.0 - fraction), strict=True)
        if place > 0
    ]
    return min(ways)[1] if ways else -1


def just_there(tree: SupplyTree, reserved: Reserved, placed: I64) -> tuple[F64, F64]:
    """By position, what is reserved just there: kVA and customers, what two supplies share taken off once."""
    some = placed > 0
    load = np.bincount(placed[some], weights=reserved.kva[some], minlength=tree.size).astype(np.float64)
    customers = np.bincount(placed[some], minlength=tree.size).astype(np.float64)
    order = np.argsort(reserved.reservation, kind="stable")
    same = reserved.reservation[order][1:] == reserved.reservation[order][:-1]
    for one, other in zip(order[:-1][same].tolist(), order[1:][same].tolist(), strict=True):
        if placed[one] > 0 and placed[other] > 0:
            ways = [way_up(tree.parent, int(placed[k])) for k in (one, other)]
            shared = np.intersect1d(ways[0], ways[1])
            meet = int(shared.max()) if shared.size else 0
            load[meet] -= reserved.kva[one]
            customers[meet] -= 1.0
    return load, customers
