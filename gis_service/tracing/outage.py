"""Outage impact: who is supplied before, and not after.

`state` is the world the question is asked in, before as well as after. What was dark before is not
counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.kernels.compiled import I64
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState
from gis_service.network.topology import Topology
from gis_service.tracing.outs import NOTHING_OUT, Outs, outs_of
from gis_service.tracing.protection import opened_by
from gis_service.tracing.supply import live_edges, node_phases, supplied_at


@dataclass(frozen=True, eq=False)
class Impact:
    """Rows, each sorted.

    customers : supplied before, not after
    opened : switches that protection opens for the faults
    dark_nodes : nodes that lose every phase, or are out
    dark_edges : lines, switches, transformers and sources that were energised and no longer are
    """

    customers: I64
    opened: I64
    dark_nodes: I64
    dark_edges: I64


def outage_impact(
    topology: Topology, state: SwitchState, outs: Outs = NOTHING_OUT, faults: list[Ref] | None = None
) -> Impact:
    """What is lost when `outs` stop conducting and protection clears `faults`.

    A faulted element is out as well.
    """
    before = node_phases(topology, state)
    opened = opened_by(topology, state, faults) if faults else np.empty(0, np.int64)
    gone = outs | outs_of(topology, faults) if faults else outs
    after_state = state.with_switching(opened.tolist(), [True] * opened.size)
    after = node_phases(topology, after_state, gone)
    lost = supplied_at(topology, before) & ~supplied_at(topology, after, gone)
    was_live = live_edges(topology, before)
    is_live = live_edges(topology, after, gone)
    return Impact(
        customers=np.flatnonzero(lost),
        opened=opened,
        dark_nodes=np.flatnonzero((before != 0) & (after == 0)),
        dark_edges=np.flatnonzero(was_live & ~is_live),
    )
