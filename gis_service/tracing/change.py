"""What a change of switches and elements does to supply: before and after, at the cost of the change.

The network as it was and as it becomes are two ways to cut the same supply forests (`network.forests`); all
that differs lies in a few ranges of positions. Nothing here runs over the whole network, except `all_phases`.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gis_service.kernels.arcs import arcs_of
from gis_service.kernels.compiled import B1, I32, I64, U8
from gis_service.kernels.fragments import Fragments, fragments, phases_at, phases_everywhere
from gis_service.kernels.hung import rows_in
from gis_service.kernels.question import changed_in_question, lost_in_question
from gis_service.kernels.ranges import Ranges, changed_ranges
from gis_service.kernels.step import Step
from gis_service.network.forests import SupplyForest
from gis_service.network.switching import SwitchState
from gis_service.network.topology import Topology
from gis_service.tracing.outs import NOTHING, NOTHING_OUT, Outs

_NOBODY = np.empty(0, np.int32)
_WORTH_MARKING = 25  # customers that are gone through in the time in which one is sorted among others


class Change:
    """One world and the next.

    Parameters
    ----------
    before, after
        How switches stand.
    outs
        What is out after, and was not before.
    switched
        Ascending rows of the switches that may differ between the two, if that is known.
    """

    def __init__(
        self,
        topology: Topology,
        before: SwitchState,
        after: SwitchState | None = None,
        outs: Outs = NOTHING_OUT,
        *,
        switched: I64 | None = None,
    ) -> None:
        self.topology = topology
        self.before = before
        self.outs = outs
        self._moved = before.moved_from(topology.switchgear.normal_open)
        self._gone, self._come = outs.edges, NOTHING
        if outs.nodes.size:
            arcs = arcs_of(topology.arcs.indptr, outs.nodes)
            self._gone = np.union1d(self._gone, topology.arcs.edge[arcs])
        if after is not None and after is not before:
            if switched is None:
                switched = np.flatnonzero(before.open != after.open)
            opens = after.open[switched] & ~before.open[switched]
            closes = before.open[switched] & ~after.open[switched]
            first = topology.first_edge("switch")
            self._come = first + switched[closes]
            if opens.any():
                self._gone = np.union1d(self._gone, first + switched[opens])

    def lost_and_gained(self) -> tuple[I32, I32]:
        """Customers supplied before and not after, and the other way round; rows, in no order."""
        held = self.topology.held
        if len(held) > 1:
            found = [rows_in(one.customers, *self._ranges[k][:2]) for k, one in self._numbered]
            lost, gained = self._compared(np.unique(np.concatenate(found)))
        elif self._come.size:
            lost, gained = changed_in_question(held[0], self.before.open, self._moved, self._gone, self._come)
        else:  # the usual case: what only goes gives nobody supply
            lost = lost_in_question(held[0], self.before.open, self._moved, self._gone)
            gained = _NOBODY
        if self.outs.customers.size:
            was, _ = self.supplied(self.outs.customers)
            lost = np.union1d(lost, self.outs.customers[was]).astype(np.int32)
            gained = gained[~np.isin(gained, self.outs.customers)]
        return lost, gained

    def ascending(self, customers: I32) -> I64:
        """Rows of customers in order; a large part of all of them is marked rather than sorted."""
        if customers.size * _WORTH_MARKING < self.topology.customer_node.size:
            return np.sort(customers).astype(np.int64)
        among = np.zeros(self.topology.customer_node.size, np.bool_)
        among[customers] = True
        return np.flatnonzero(among)

    def _compared(self, rows: I64) -> tuple[I32, I32]:
        was, is_now = self.supplied(rows)
        return rows[was & ~is_now].astype(np.int32), rows[is_now & ~was].astype(np.int32)

    def supplied(self, rows: I64) -> tuple[B1, B1]:
        """Whether some customers are supplied before and after, if they themselves are not out."""
        needs = self.topology.customer_needs[rows]
        both = self.phases(self.topology.customer_node[rows])
        was, is_now = (np.where(needs != 0, (there & needs) == needs, there != 0) for there in both)
        return was, is_now

    def phases(self, nodes: I32) -> tuple[U8, U8]:
        """Phases with supply at some nodes before and after, uint8; none at the root and at -1."""
        before = np.zeros(nodes.size, np.uint8)
        after = np.zeros(nodes.size, np.uint8)
        for k, one in self._numbered:
            of_forest = phases_at(self._pieces[k], one.forest, one.forest.place[nodes])
            before |= of_forest[0]
            after |= of_forest[1]
        nowhere = (nodes < 0) | (nodes == self.topology.root)
        before[nowhere] = after[nowhere] = 0
        return before, after

    def all_phases(self) -> tuple[U8, U8]:
        """Phases with supply at every node before and after, uint8 `(n_nodes,)`: O(nodes)."""
        before = np.zeros(self.topology.n_nodes + 1, np.uint8)
        after = np.zeros(self.topology.n_nodes + 1, np.uint8)
        for k, one in self._numbered:
            phases_everywhere(self._pieces[k], one.forest, before, after)
        return before[: self.topology.n_nodes], after[: self.topology.n_nodes]

    def changed_nodes(self) -> I64:
        """Nodes that have other phases after than before, ascending."""
        nodes = self._maybe_changed()
        before, after = self.phases(nodes.astype(np.int32))
        changed: I64 = nodes[before != after]
        return changed

    def dark_nodes(self) -> I64:
        """Nodes that had a phase and have none after, ascending."""
        nodes = self._maybe_changed()
        before, after = self.phases(nodes.astype(np.int32))
        dark: I64 = nodes[(before != 0) & (after == 0)]
        return dark

    def energised(self, edges: I64) -> B1:
        """Whether some edges are energised before, bool `(len(edges),)`.

        An element is energised when a phase that it carries stands at one of its ends, a source always.
        """
        return self._energised(edges)[0]

    def _energised(self, edges: I64) -> tuple[B1, B1]:
        topology = self.topology
        from_before, from_after = self.phases(topology.edge_from[edges])
        to_before, to_after = self.phases(topology.edge_to[edges])
        carried = topology.edge_phases[edges]
        source: B1 = (edges >= topology.first_edge("energy_source")) & (topology.edge_to[edges] >= 0)
        was: B1 = ((from_before | to_before) & carried) != 0
        is_now: B1 = ((from_after | to_after) & carried) != 0
        return was | source, is_now | source

    def changed_edges(self, nodes: I64 | None = None) -> I64:
        """Lines, switches, transformers and sources energised in one of the two alone, ascending.

        What is out does not count here. `nodes`: those of `changed_nodes`, where they are known.
        """
        changed = self.changed_nodes() if nodes is None else nodes
        around = arcs_of(self.topology.arcs.indptr, changed)
        edges: I64 = np.unique(self.topology.arcs.edge[around]).astype(np.int64)
        was, is_now = self._energised(edges)
        found: I64 = edges[was != is_now]
        return found

    def dark_edges(self) -> I64:
        """Lines, switches, transformers and sources energised before and not after, ascending.

        What is out is not energised after.
        """
        topology = self.topology
        around = topology.arcs.edge[arcs_of(topology.arcs.indptr, self.changed_nodes())]
        edges = np.union1d(around, self.outs.edges)
        if self.outs.nodes.size:
            edges = np.union1d(edges, topology.arcs.edge[arcs_of(topology.arcs.indptr, self.outs.nodes)])
        was, is_now = self._energised(edges)
        gone = np.isin(edges, self.outs.edges)
        for ends in (topology.edge_from, topology.edge_to):
            gone |= np.isin(ends[edges], self.outs.nodes)
        dark: I64 = edges[was & (~is_now | gone)].astype(np.int64)
        return dark

    def _maybe_changed(self) -> I64:
        found = [
            one.forest.node[start:stop]
            for k, one in self._numbered
            for start, stop in zip(*self._ranges[k][:2], strict=True)
        ]
        return np.unique(np.concatenate([NOTHING, *found]))

    @property
    def _numbered(self) -> list[tuple[int, SupplyForest]]:
        return list(enumerate(self.topology.forests))

    @property
    def _step(self) -> Step:
        first = self.topology.first_edge("switch")
        return Step(self.before.open, first, self._moved, self._gone, self._come)

    @cached_property
    def _pieces(self) -> list[Fragments]:
        return [fragments(held, self._step) for held in self.topology.held]

    @cached_property
    def _ranges(self) -> list[Ranges]:
        return [changed_ranges(held, self._step) for held in self.topology.held]


def supplied_among(topology: Topology, state: SwitchState, rows: I64) -> B1:
    """Which of some customers are supplied, bool `(len(rows),)`: at the cost of asking for these alone."""
    _, is_now = Change(topology, state).supplied(rows)
    return is_now


def moved(topology: Topology, before: SwitchState, after: SwitchState) -> tuple[I64, I64]:
    """Customers that lose and that regain supply when switches move: two ascending arrays of rows."""
    change = Change(topology, before, after)
    lost, gained = change.lost_and_gained()
    return change.ascending(lost), change.ascending(gained)
