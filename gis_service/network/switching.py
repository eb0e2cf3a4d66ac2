"""Switch states as values: which switches stand open. Nothing here asks what is current; it is told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gis_service.kernels.compiled import B1, I64, U8
from gis_service.network.texts import frozen
from gis_service.network.topology import Topology


class SwitchState:
    """How every switch stands; never changed once made.

    Parameters
    ----------
    open
        bool `(n_switches,)`, in the row order of the topology's switches. Kept as a view that cannot be
        written to, whatever is given: kernels are compiled once more for arrays that can.
    """

    __slots__ = ("_moved", "_normal", "open")

    def __init__(self, open: B1) -> None:
        self.open = frozen(open, np.bool_)
        self._normal: B1 | None = None
        self._moved: I64 | None = None

    def with_switching(self, rows: Sequence[int], open: Sequence[bool]) -> SwitchState:
        """This state with some switches set; the state itself is left as it is."""
        if not len(rows):
            return self
        set_rows = np.asarray(rows, np.int64)
        changed = self.open.copy()
        changed[set_rows] = np.asarray(open, np.bool_)
        state = SwitchState(changed)
        if self._normal is not None and self._moved is not None:
            maybe = np.union1d(self._moved, set_rows)
            state._normal = self._normal
            state._moved = frozen(maybe[changed[maybe] != self._normal[maybe]], np.int64)
        return state

    def moved_from(self, normal: B1) -> I64:
        """Ascending rows of the switches that stand otherwise than in `normal`; worked out once."""
        if self._normal is not normal or self._moved is None:
            # a race of two threads here comes to the same
            moved = frozen(np.flatnonzero(self.open != normal), np.int64)
            self._normal, self._moved = normal, moved
            return moved
        return self._moved


def normal_state(topology: Topology) -> SwitchState:
    """Every switch as it normally stands."""
    return SwitchState(topology.switchgear.normal_open)


def loaded_state(topology: Topology) -> SwitchState:
    """Every switch as the tables say it stands (`open`)."""
    return SwitchState(topology.switchgear.loaded_open)


def conducting(topology: Topology, state: SwitchState) -> U8:
    """Phases that each edge conducts, uint8 `(n_edges,)`: its own, or none where it is an open switch."""
    return conducting_edges(topology.edge_phases, topology.first_edge("switch"), state.open)


def conducting_edges(edge_phases: U8, first_switch: int, open: B1) -> U8:
    """The same from bare arrays, for where there is no topology yet."""
    mask = edge_phases.copy()
    mask[first_switch : first_switch + open.size][open] = 0
    return mask
