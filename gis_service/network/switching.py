"""Switch states as values: which switches stand open. Nothing here asks what is current; it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gis_service.kernels.compiled import B1, U8
from gis_service.network.topology import Topology


@dataclass(frozen=True, eq=False)
class SwitchState:
    """`open`: bool `(n_switches,)`, in the row order of the topology's switches."""

    open: B1

    def with_switching(self, rows: Sequence[int], open: Sequence[bool]) -> SwitchState:
        """This state with some switches set; the state itself is left as it is."""
        changed = self.open.copy()
        changed[np.asarray(rows, np.int64)] = np.asarray(open, np.bool_)
        return SwitchState(changed)


def normal_state(topology: Topology) -> SwitchState:
    """Every switch as it normally stands."""
    return SwitchState(topology.tables.switches.normal_open.copy())


def loaded_state(topology: Topology) -> SwitchState:
    """Every switch as the tables say it stands (`open`)."""
    return SwitchState(topology.tables.switches.open.copy())


def conducting(topology: Topology, state: SwitchState) -> U8:
    """Phases that each edge conducts, uint8 `(n_edges,)`: its own, or none where it is an open switch."""
    mask = topology.edge_phases.copy()
    first = topology.first_edge("switch")
    mask[first : first + state.open.size][state.open] = 0
    return mask
