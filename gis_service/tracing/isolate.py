"""Isolation: the part around the starts that switches can cut out, and which of them must open.

The part is the same for all phases: who works on one conductor works beside the others. Jumpers are
bolted and do not count as switches here. A closed switch at the edge of the part must open
when a source can be reached beyond it without coming back through the part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.kernels.compiled import B1, I64, U8
from gis_service.kernels.reach import reach_masks
from gis_service.network.part import Part
from gis_service.network.tables import ALL_PHASES
from gis_service.tracing.outs import Starts


@dataclass(frozen=True, eq=False)
class Isolated:
    """What is cut out of a `Part`: `node_phases` uint8 `(n_nodes + 1,)`, `edges` bool `(n_edges,)`.

    to_open, already_open, sources_inside : edges, ascending
    """

    node_phases: U8
    edges: B1
    to_open: I64
    already_open: I64
    sources_inside: I64


def isolate(part_of: Part, mask: U8, allowed: U8, start: Starts) -> Isolated:
    """Cut the starts out of the network that conducts as `mask` says."""
    switch = part_of.is_layer("switch") & ~part_of.bolted
    passing = np.where((mask != 0) & ~switch, np.uint8(ALL_PHASES), np.uint8(0))
    inside = allowed.copy()
    inside[part_of.root] = 0
    ends = np.concatenate([part_of.edge_from[start.edges], part_of.edge_to[start.edges]]).astype(np.int64)
    seeds = np.concatenate([start.nodes, ends])
    seeds = seeds[(seeds >= 0) & (seeds != part_of.root)]
    part = reach_masks(*part_of.arcs, passing, inside, seeds, np.full(seeds.size, ALL_PHASES, np.uint8))
    outside = np.where(part != 0, 0, allowed).astype(np.uint8)
    fed = reach_masks(
        *part_of.arcs,
        mask,
        outside,
        np.array([part_of.root], np.int64),
        np.array([ALL_PHASES], np.uint8),
    )
    at = np.append(part, np.uint8(0))
    feeding = np.append(fed, np.uint8(0))
    a, b = part_of.edge_from, part_of.edge_to
    touches = (at[a] | at[b]) != 0
    within = (at[a] != 0) & (at[b] != 0)
    live_beyond = (np.where(at[a] != 0, feeding[b], feeding[a]) & mask) != 0
    is_source = part_of.is_layer("energy_source")
    started = np.zeros(part_of.n_edges, np.bool_)
    started[start.edges] = True
    edges = (touches & (mask != 0) & (~switch | within) & ~is_source) | started
    return Isolated(
        node_phases=part,
        edges=edges,
        to_open=np.flatnonzero(switch & touches & ~within & live_beyond),
        already_open=np.flatnonzero(switch & touches & ~within & (mask == 0) & ~started),
        sources_inside=np.flatnonzero(is_source & touches & (mask != 0)),
    )
