"""Outage impact: who is supplied before, and not after.

`state` is the world the question is asked in, before as well as after. What was dark before is not
counted.
"""

from __future__ import annotations

from functools import cached_property

from gis_service.kernels.compiled import I64
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState
from gis_service.network.topology import Topology
from gis_service.tracing.change import Change
from gis_service.tracing.outs import NOTHING, NOTHING_OUT, Outs, outs_of
from gis_service.tracing.protection import opened_by


class Impact:
    """What a change takes supply from; rows, each sorted, worked out when asked for.

    Attributes
    ----------
    opened
        Switches that protection opens for the faults.
    """

    def __init__(self, change: Change, opened: I64) -> None:
        self._change = change
        self.opened = opened

    @cached_property
    def customers(self) -> I64:
        """Supplied before, not after."""
        lost, _ = self._change.lost_and_gained()
        return self._change.ascending(lost)

    @cached_property
    def dark_nodes(self) -> I64:
        """Nodes that lose every phase, or are out."""
        return self._change.dark_nodes()

    @cached_property
    def dark_edges(self) -> I64:
        """Lines, switches, transformers and sources that were energised and no longer are."""
        return self._change.dark_edges()


def outage_impact(
    topology: Topology, state: SwitchState, outs: Outs = NOTHING_OUT, faults: list[Ref] | None = None
) -> Impact:
    """What is lost when `outs` stop conducting and protection clears `faults`.

    A faulted element is out as well. The cost follows what is lost.
    """
    if not faults:
        return Impact(Change(topology, state, outs=outs), NOTHING)
    opened = opened_by(topology, state, faults)
    after = state.with_switching(opened.tolist(), [True] * opened.size)
    gone = outs | outs_of(topology, faults)
    return Impact(Change(topology, state, after, gone, switched=opened), opened)
