"""Power flow in a radial network: backward and forward sweeps until the voltages stand still.

Knows a tree and complex numbers per unit; refuses to know lines, transformers and rules. The method is that
of Shirmohammadi et al., "A compensation-based power flow method for weakly meshed distribution networks"
(IEEE Trans. Power Systems 3(2), 1988) without loops: currents are summed towards the source, voltages are
worked out away from it. Loads take constant power. With ordinary loadings each round makes the error about
ten times smaller.

A tree is `parent` int32 `(n,)` with the source as node 0 and every parent before its children; `z` complex128
`(n,)` is the series impedance of the branch from the parent to each node (that of node 0 is not read), `s`
complex128 `(n,)` the power each node takes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gis_service.kernels.compiled import I32, compiled

C128 = npt.NDArray[np.complex128]

TOLERANCE = 1e-9
"""Per unit: the largest change of a voltage in the last round."""

MOST_ROUNDS = 100


class Flow(NamedTuple):
    """The state of a tree under load.

    voltage : complex128 (n,), per unit
    current : complex128 (n,), per unit, in the branch to each node; at node 0 all that the source gives
    rounds : how many sweeps it took; 0 where the voltages do not settle (more load than can be supplied)
    """

    voltage: C128
    current: C128
    rounds: int


@compiled
def _sweeps(
    parent: I32, z: C128, s: C128, source: complex, tolerance: float, most: int
) -> tuple[C128, C128, int]:
    n = parent.size
    voltage = np.full(n, source, np.complex128)
    current = np.empty(n, np.complex128)
    for round_ in range(1, most + 1):
        for k in range(n):
            current[k] = np.conj(s[k] / voltage[k])
        for k in range(n - 1, 0, -1):
            current[parent[k]] += current[k]
        moved = 0.0
        for k in range(1, n):
            new = voltage[parent[k]] - z[k] * current[k]
            moved = max(moved, abs(new.real - voltage[k].real), abs(new.imag - voltage[k].imag))
            voltage[k] = new
        if not np.isfinite(moved):
            break
        if moved < tolerance:
            return voltage, current, round_
    return voltage, current, 0


def radial_flow(
    parent: I32,
    z: C128,
    s: C128,
    *,
    source: complex = 1.0,
    tolerance: float = TOLERANCE,
    most_rounds: int = MOST_ROUNDS,
) -> Flow:
    """Voltages and currents of a tree whose node 0 is held at `source` (per unit).

    Raises
    ------
    ValueError
        When the arrays differ in length, or a parent does not stand before its child.

    Cost: O(n) a round, about 30 ns a node.
    """
    refuse_disorder(parent, z, s)
    return Flow(*_sweeps(parent, z, s, complex(source), tolerance, most_rounds))


def refuse_disorder(parent: I32, z: C128, s: C128) -> None:
    """Raise ValueError where this is no tree as the module describes it."""
    n = parent.size
    if not n or z.size != n or s.size != n:
        raise ValueError(
            f"{n} parents, {z.size} impedances and {s.size} loads: one each for at least one node"
        )
    ahead = np.flatnonzero((parent[1:] < 0) | (parent[1:] >= np.arange(1, n)))
    if ahead.size:
        raise ValueError(f"the parent of node {ahead[0] + 1} does not stand before it")
