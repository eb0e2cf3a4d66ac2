"""The seven traces. Barriers are out for the trace; phases are walked one by one and put together.

connected       all that conducts to a start, sources or not
subnetwork      the start's feeder: as `connected`, not past a feeder's head switch
upstream        all on some simple path from a start to a source (loops count)
downstream      all from which some simple path to a source runs through a start
shortest_path   from a start to the nearest target, by length
loops           elements on a cycle, in the parts connected to the starts (no starts: everywhere)
isolation       the part that opening switches can cut out, and which of them to open
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from gis_service.errors import InvalidInput
from gis_service.kernels.blocks import find_blocks
from gis_service.kernels.compiled import B1, I64, U8
from gis_service.kernels.reach import reach_masks
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState, conducting
from gis_service.network.tables import ALL_PHASES
from gis_service.network.topology import Topology
from gis_service.tracing import isolate, paths
from gis_service.tracing.outs import NOTHING, NOTHING_OUT, Outs, Starts, starts_of
from gis_service.tracing.ways import Ways, phase_layers

TraceKind = Literal[
    "upstream", "downstream", "connected", "subnetwork", "shortest_path", "loops", "isolation"
]


@dataclass(frozen=True, eq=False)
class Traced:
    """Rows of an answer.

    node_phases : uint8 (n_nodes,), the traced phases found at each node
    edges : int64, sorted; sources are edges
    ordered : for `shortest_path`, the edges from start to target; else empty
    to_open, already_open : for `isolation`, switch rows; else empty
    sources_inside : for `isolation`, sources that no switch separates; else empty
    length_m : length of all lines in the answer, summed exactly so that row order does not show
    """

    node_phases: U8
    edges: I64
    length_m: float
    ordered: I64 = field(default_factory=lambda: NOTHING)
    to_open: I64 = field(default_factory=lambda: NOTHING)
    already_open: I64 = field(default_factory=lambda: NOTHING)
    sources_inside: I64 = field(default_factory=lambda: NOTHING)

    @property
    def nodes(self) -> I64:
        """Node rows, sorted."""
        return np.flatnonzero(self.node_phases)


def trace(
    topology: Topology,
    state: SwitchState,
    kind: TraceKind,
    starts: list[Ref],
    *,
    targets: list[Ref] | None = None,
    barriers: Outs = NOTHING_OUT,
    phases: int = ALL_PHASES,
) -> Traced:
    """Trace from `starts` in a switch state.

    Raises
    ------
    InvalidInput
        For an unknown kind, no start where one is needed, or targets where none belong.
    """
    if kind not in get_args(TraceKind):
        raise InvalidInput(f"trace type {kind!r} is unknown: use one of {', '.join(get_args(TraceKind))}")
    if kind != "loops" and not starts:
        raise InvalidInput(f"a {kind} trace needs at least one id in 'from'")
    if (kind == "shortest_path") != bool(targets):
        raise InvalidInput("'to' belongs to a shortest_path trace, which needs at least one id there")
    mask = barriers.applied_to(conducting(topology, state))
    allowed = barriers.nodes_left(topology)
    start = starts_of(topology, starts)
    if kind in ("upstream", "downstream"):
        return _ways(topology, mask, allowed, start, phases, upstream=kind == "upstream")
    if kind == "loops":
        return _loops(topology, mask, allowed, start if starts else None, phases)
    if kind == "shortest_path":
        goal = starts_of(topology, targets or [])
        edges, nodes, length_m, along = paths.shortest_path(topology, mask, allowed, start, goal, phases)
        reached = np.zeros(topology.n_nodes, np.uint8)
        reached[nodes] = along
        return Traced(reached, np.unique(edges), length_m, ordered=edges)
    if kind == "isolation":
        cut = isolate.isolate(topology, mask, allowed, start)
        return _traced(
            topology,
            cut.node_phases,
            cut.edges,
            to_open=cut.to_open,
            already_open=cut.already_open,
            sources_inside=cut.sources_inside,
        )
    heads = np.zeros(topology.n_edges, np.bool_)
    if kind == "subnetwork":
        heads[topology.first_edge("switch") + topology.feeders.head_row] = True
    return _connected(topology, mask, allowed, start, phases, heads)


def _traced(topology: Topology, node_phases: U8, edges: B1, **more: I64) -> Traced:
    rows = np.flatnonzero(edges)
    return Traced(
        node_phases[: topology.n_nodes], rows, math.fsum(topology.edge_length_m[rows].tolist()), **more
    )


def _ways(topology: Topology, mask: U8, allowed: U8, start: Starts, phases: int, *, upstream: bool) -> Traced:
    node_phases = np.zeros(topology.n_nodes + 1, np.uint8)
    edges = np.zeros(topology.n_edges, np.bool_)
    for bits, conducts in phase_layers(mask, phases):
        ways = Ways(topology, conducts, allowed != 0)
        found = ways.upstream(start) if upstream else ways.downstream(start)
        node_phases[found.nodes] |= np.uint8(bits)
        edges |= found.edges
    return _traced(topology, node_phases, edges)


def _loops(topology: Topology, mask: U8, allowed: U8, start: Starts | None, phases: int) -> Traced:
    node_phases = np.zeros(topology.n_nodes + 1, np.uint8)
    edges = np.zeros(topology.n_edges, np.bool_)
    within = allowed.copy()
    within[topology.root] = 0
    if start is not None:
        within &= _reached(topology, mask, within, start, phases)
    for bits, conducts in phase_layers(mask, phases):
        may = (within & bits) != 0
        roots = np.flatnonzero(may)
        blocks = find_blocks(*topology.arcs, conducts, may, roots)
        known = np.flatnonzero(blocks.edge_block >= 0)
        loop = topology.edge_from[known] == topology.edge_to[known]
        on_cycle = known[loop | (blocks.size[blocks.edge_block[known]] > 1)]
        edges[on_cycle] = True
        node_phases[topology.edge_from[on_cycle]] |= np.uint8(bits)
        node_phases[topology.edge_to[on_cycle]] |= np.uint8(bits)
    return _traced(topology, node_phases, edges)


def _reached(topology: Topology, mask: U8, allowed: U8, start: Starts, phases: int) -> U8:
    ends = np.concatenate([topology.edge_from[start.edges], topology.edge_to[start.edges]])
    carried = np.tile(topology.edge_phases[start.edges], 2)
    seeds = np.concatenate([start.nodes, ends.astype(np.int64)])
    seed_mask = np.concatenate([np.full(start.nodes.size, phases, np.uint8), carried & np.uint8(phases)])
    usable = (seeds >= 0) & (seeds != topology.root)
    return reach_masks(*topology.arcs, mask, allowed, seeds[usable], seed_mask[usable])


def _connected(topology: Topology, mask: U8, allowed: U8, start: Starts, phases: int, heads: B1) -> Traced:
    """Flood from the starts; a head switch is part of the answer, but only a start is flooded through."""
    inside = allowed.copy()
    inside[topology.root] = 0
    passing = mask.copy()
    passing[heads] = 0
    begin = start
    head_starts = start.edges[heads[start.edges]]
    if head_starts.size:  # a head switch stands for the feeder behind it, not for the busbar before it
        behind = np.array([_feeder_side(topology, mask, allowed, int(e)) for e in head_starts], np.int64)
        begin = Starts(np.union1d(start.nodes, behind), start.edges[~heads[start.edges]])
    reached = _reached(topology, passing, inside, begin, phases)
    at = np.append(reached, np.uint8(0))  # index -1, an unknown end
    edges = ((at[topology.edge_from] | at[topology.edge_to]) & mask & np.uint8(phases)) != 0
    edges |= _self_started(topology, start)
    out_end = (np.append(allowed, np.uint8(1))[topology.edge_from] == 0) | (
        np.append(allowed, np.uint8(1))[topology.edge_to] == 0
    )
    return _traced(topology, reached, edges & ~out_end)


def _self_started(topology: Topology, start: Starts) -> B1:
    edges = np.zeros(topology.n_edges, np.bool_)
    edges[start.edges] = True
    return edges


def _feeder_side(topology: Topology, mask: U8, allowed: U8, head: int) -> int:
    """The end of a head switch that leads away from the supply: the one farther from a source."""
    without = mask.copy()
    without[head] = 0
    hops = paths.hops_from_root(topology, without, allowed)
    a, b = int(topology.edge_from[head]), int(topology.edge_to[head])
    return a if a >= 0 and (b < 0 or hops[a] > hops[b]) else b
