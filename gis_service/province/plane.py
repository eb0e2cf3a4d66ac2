"""From a plane of straight streets to places on earth, with the same bits on every machine.

Areas are drawn as straight streets on a plane, in metres. The plane is bent a little, so that streets wind,
and laid on the earth. Nothing but additions, multiplications, divisions and square roots is used: these are
rounded alike everywhere, while a processor's sines are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

M_PER_DEGREE = 110_800.0
"""Metres of the plane in one degree of latitude."""
DECIMALS = 1e7
"""Coordinates are rounded to this part of a degree: a centimetre."""

_BENDS = ((11_000.0, 400.0), (2_900.0, 60.0), (700.0, 9.0))
"""Wave length and height of the bends, in metres; their slopes add up to less than one."""
_RADIAN = 0.017453292519943295


@dataclass(frozen=True)
class Plane:
    """A plane around `lon0`, `lat0`; `phases` float64 `(6,)` in [0, 1) tell where the bends lie."""

    lon0: float
    lat0: float
    phases: tuple[float, ...]

    def lonlat(self, xy: Floats) -> Floats:
        """Places of the bent plane on earth, lon/lat float64 `(n, 2)`, rounded to a centimetre."""
        return self.laid(self._bent(xy))

    def laid(self, xy: Floats) -> Floats:
        """Places of the plane as it is, not bent."""
        out = np.empty_like(xy)
        out[:, 1] = self.lat0 + xy[:, 1] / M_PER_DEGREE
        out[:, 0] = self.lon0 + xy[:, 0] / (M_PER_DEGREE * cosine(out[:, 1]))
        rounded: Floats = np.rint(out * DECIMALS) / DECIMALS
        return rounded

    def metres(self, lonlat: Floats) -> Floats:
        """The inverse of `laid`, the rounding apart."""
        out = np.empty_like(lonlat)
        out[:, 1] = (lonlat[:, 1] - self.lat0) * M_PER_DEGREE
        out[:, 0] = (lonlat[:, 0] - self.lon0) * (M_PER_DEGREE * cosine(lonlat[:, 1]))
        return out

    def _bent(self, xy: Floats) -> Floats:
        out = xy.copy()
        for k, (length, height) in enumerate(_BENDS):
            x, y = xy[:, 0], xy[:, 1]
            out[:, 0] += height * _wave((y + 0.35 * x) / length + self.phases[2 * k])
            out[:, 1] += height * _wave((x - 0.35 * y) / length + self.phases[2 * k + 1])
        return out


def _wave(turns: Floats) -> Floats:
    """A smooth wave of height 1 and period 1, made of parabolas."""
    part = turns - np.floor(turns)
    late = part >= 0.5
    half = np.where(late, part - 0.5, part)
    hill = 16.0 * half * (0.5 - half)
    return np.where(late, -hill, hill)


def cosine(degrees: Floats) -> Floats:
    """The cosine of degrees between -60 and 60, to 1e-9."""
    square = (degrees * _RADIAN) * (degrees * _RADIAN)
    total = np.ones_like(square)
    for k in (14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0):
        total = 1.0 - square / (k * (k - 1.0)) * total
    return total


def lengths_m(coords: Floats, offsets: Ints) -> Floats:
    """Length of each line on the ellipsoid, float64 `(n,)`, from flat lon/lat coordinates; good to 0.1 %."""
    steps = np.diff(coords, axis=0)
    middle = (coords[1:, 1] + coords[:-1, 1]) / 2.0
    cos = cosine(middle)
    cos2 = 2.0 * cos * cos - 1.0
    east = steps[:, 0] * cos * (111_412.84 - 93.5 * (2.0 * cos2 - 1.0))
    north = steps[:, 1] * (111_132.92 - 559.82 * cos2)
    metres = np.append(np.sqrt(east * east + north * north), 0.0)
    metres[offsets[1:-1] - 1] = 0.0  # from the end of one line to the start of the next
    run = np.add.reduceat(metres, offsets[:-1]) if offsets.size > 1 else np.zeros(0)
    return np.asarray(run, np.float64)
