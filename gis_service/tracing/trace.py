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
from gis_service.network.part import Part, around, whole
from gis_service.network.switching import SwitchState
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

    nodes : int64, sorted
    node_phases : uint8, the traced phases found at each of `nodes`
    edges : int64, sorted; sources are edges
    ordered : for `shortest_path`, the edges from start to target; else empty
    to_open, already_open : for `isolation`, switch rows; else empty
    sources_inside : for `isolation`, sources that no switch separates; else empty
    length_m : length of all lines in the answer, summed exactly so that row order does not show
    """

    nodes: I64
    node_phases: U8
    edges: I64
    length_m: float
    ordered: I64 = field(default_factory=lambda: NOTHING)
    to_open: I64 = field(default_factory=lambda: NOTHING)
    already_open: I64 = field(default_factory=lambda: NOTHING)
    sources_inside: I64 = field(default_factory=lambda: NOTHING)


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
    start = starts_of(topology, starts)
    goal = starts_of(topology, targets or [])
    if kind == "loops" and not starts:
        part = whole(topology, state)
    else:
        nodes = np.concatenate([start.nodes, goal.nodes])
        part = around(topology, state, nodes, np.concatenate([start.edges, goal.edges]))
    return _Trace(part, barriers, phases).run(kind, _within(part, start), _within(part, goal), bool(starts))


def _within(part: Part, starts: Starts) -> Starts:
    return Starts(part.nodes_of(starts.nodes), part.edges_of(starts.edges))


class _Trace:
    """A trace within a part, and its answer in rows of the topology."""

    def __init__(self, part: Part, barriers: Outs, phases: int) -> None:
        self.part = part
        self.mask = part.mask.copy()
        self.mask[part.edges_of(barriers.edges)] = 0
        self.allowed = np.full(part.n_nodes + 1, ALL_PHASES, np.uint8)
        self.allowed[part.nodes_of(barriers.nodes)] = 0
        self.phases = phases

    def run(self, kind: TraceKind, start: Starts, goal: Starts, started: bool) -> Traced:
        part, mask, allowed, phases = self.part, self.mask, self.allowed, self.phases
        if kind in ("upstream", "downstream"):
            return self._found(*_ways(part, mask, allowed, start, phases, upstream=kind == "upstream"))
        if kind == "loops":
            return self._found(*_loops(part, mask, allowed, start if started else None, phases))
        if kind == "shortest_path":
            edges, nodes, length_m, along = paths.shortest_path(part, mask, allowed, start, goal, phases)
            order = np.argsort(part.node[nodes], kind="stable")
            return Traced(
                part.node[nodes][order],
                np.full(nodes.size, along, np.uint8),
                np.unique(part.edge[edges]),
                length_m,
                ordered=part.edge[edges],
            )
        if kind == "isolation":
            cut = isolate.isolate(part, mask, allowed, start)
            return self._found(
                cut.node_phases,
                cut.edges,
                to_open=part.rows("switch", cut.to_open),
                already_open=part.rows("switch", cut.already_open),
                sources_inside=part.rows("energy_source", cut.sources_inside),
            )
        heads = np.zeros(part.n_edges, np.bool_)
        if kind == "subnetwork":
            heads[part.heads] = True
        return self._found(*_connected(part, mask, allowed, start, phases, heads))

    def _found(self, node_phases: U8, edges: B1, **more: I64) -> Traced:
        part = self.part
        nodes = np.flatnonzero(node_phases[: part.n_nodes])
        nodes = nodes[np.argsort(part.node[nodes], kind="stable")]
        rows = np.flatnonzero(edges)
        length_m = math.fsum(part.edge_length_m[rows].tolist())
        return Traced(part.node[nodes], node_phases[nodes], part.edge[rows], length_m, **more)


def _ways(part: Part, mask: U8, allowed: U8, start: Starts, phases: int, *, upstream: bool) -> tuple[U8, B1]:
    node_phases = np.zeros(part.n_nodes + 1, np.uint8)
    edges = np.zeros(part.n_edges, np.bool_)
    for bits, conducts in phase_layers(mask, phases):
        ways = Ways(part, conducts, allowed != 0)
        found = ways.upstream(start) if upstream else ways.downstream(start)
        node_phases[found.nodes] |= np.uint8(bits)
        edges |= found.edges
    return node_phases, edges


def _loops(part: Part, mask: U8, allowed: U8, start: Starts | None, phases: int) -> tuple[U8, B1]:
    node_phases = np.zeros(part.n_nodes + 1, np.uint8)
    edges = np.zeros(part.n_edges, np.bool_)
    within = allowed.copy()
    within[part.root] = 0
    if start is not None:
        within &= _reached(part, mask, within, start, phases)
    for bits, conducts in phase_layers(mask, phases):
        may = (within & bits) != 0
        roots = np.flatnonzero(may)
        blocks = find_blocks(*part.arcs, conducts, may, roots)
        known = np.flatnonzero(blocks.edge_block >= 0)
        loop = part.edge_from[known] == part.edge_to[known]
        on_cycle = known[loop | (blocks.size[blocks.edge_block[known]] > 1)]
        edges[on_cycle] = True
        node_phases[part.edge_from[on_cycle]] |= np.uint8(bits)
        node_phases[part.edge_to[on_cycle]] |= np.uint8(bits)
    return node_phases, edges


def _reached(part: Part, mask: U8, allowed: U8, start: Starts, phases: int) -> U8:
    ends = np.concatenate([part.edge_from[start.edges], part.edge_to[start.edges]])
    carried = np.tile(part.edge_phases[start.edges], 2)
    seeds = np.concatenate([start.nodes, ends.astype(np.int64)])
    seed_mask = np.concatenate([np.full(start.nodes.size, phases, np.uint8), carried & np.uint8(phases)])
    usable = (seeds >= 0) & (seeds != part.root)
    return reach_masks(*part.arcs, mask, allowed, seeds[usable], seed_mask[usable])


def _connected(part: Part, mask: U8, allowed: U8, start: Starts, phases: int, heads: B1) -> tuple[U8, B1]:
    """Flood from the starts; a head switch is part of the answer, but only a start is flooded through."""
    inside = allowed.copy()
    inside[part.root] = 0
    passing = mask.copy()
    passing[heads] = 0
    begin = start
    head_starts = start.edges[heads[start.edges]]
    if head_starts.size:  # a head switch stands for the feeder behind it, not for the busbar before it
        behind = np.array([_feeder_side(part, mask, allowed, int(e)) for e in head_starts], np.int64)
        begin = Starts(np.union1d(start.nodes, behind), start.edges[~heads[start.edges]])
    reached = _reached(part, passing, inside, begin, phases)
    at = np.append(reached, np.uint8(0))  # index -1, an unknown end
    edges = ((at[part.edge_from] | at[part.edge_to]) & mask & np.uint8(phases)) != 0
    edges[start.edges] = True
    out_end = (np.append(allowed, np.uint8(1))[part.edge_from] == 0) | (
        np.append(allowed, np.uint8(1))[part.edge_to] == 0
    )
    return reached, edges & ~out_end


def _feeder_side(part: Part, mask: U8, allowed: U8, head: int) -> int:
    """The end of a head switch that leads away from the supply: the one farther from a source."""
    without = mask.copy()
    without[head] = 0
    hops = paths.hops_from_root(part, without, allowed)
    a, b = int(part.edge_from[head]), int(part.edge_to[head])
    return a if a >= 0 and (b < 0 or hops[a] > hops[b]) else b
