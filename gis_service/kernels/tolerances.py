"""How far a voltage may fall before somebody behind it breaks a limit: sums of minima up a supply tree.

A branch whose loads take constant power falls by more than the place it hangs on, but not by much: by less
than `MOST_GROWTH` times that, as long as voltages stay above `LEAST_PU`. What falls within it beyond that,
from behind a transformer of its own, is less than `MOST_GROWTH - 1` times that. Both are bounds, not
estimates: what they let pass is safe, what they do not must be looked at by a whole flow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis_service.kernels.compiled import B1, F64, I32, compiled

MOST_GROWTH = 1.5
LEAST_PU = 0.8
MOST_FALL = 0.05
"""Per unit: beyond it the bounds are not relied on."""


class Tolerances(NamedTuple):
    """By position, per unit; inf where nobody has a limit to keep.

    here : what those just here tolerate
    least, least_child, second : what those below tolerate: the least of all children, which child that is (-1
        without one), and the least of the others
    """

    here: F64
    least: F64
    least_child: I32
    second: F64


NOBODY = Tolerances(np.empty(0), np.empty(0), np.empty(0, np.int32), np.empty(0))
"""Where no question is about others."""


@compiled
def tolerances(
    parent: I32, holding: B1, transformer: B1, lowest: F64, drop: F64
) -> tuple[F64, F64, I32, F64]:
    """The fields of `Tolerances`, in order: O(positions).

    Parameters
    ----------
    holding, transformer
        Whether a position holds its voltage, and whether a transformer leads to it.
    lowest, drop
        Room between the voltage of those just here and the lowest allowed, and between the fall along the
        lines of their level and the largest; inf where nobody has that limit to keep.
    """
    n = parent.size
    low, fall = lowest / MOST_GROWTH, drop / MOST_GROWTH
    here = np.minimum(low, fall)
    least, second = np.full(n, np.inf), np.full(n, np.inf)
    child = np.full(n, -1, np.int32)
    for k in range(n - 1, 0, -1):
        if holding[k]:
            continue
        q = parent[k]
        if transformer[k]:
            # where their level begins falls along with them, whatever lies above
            low[k] = min(low[k], fall[k] * (MOST_GROWTH / (MOST_GROWTH - 1.0)))
            fall[k] = np.inf
        mine = min(low[k], fall[k])
        low[q], fall[q] = min(low[q], low[k]), min(fall[q], fall[k])
        if mine < least[q]:
            least[q], second[q], child[q] = mine, least[q], k
        elif mine < second[q]:
            second[q] = mine
    return here, least, child, second
