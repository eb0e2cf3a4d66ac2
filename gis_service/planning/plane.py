"""A small plane around a point: metres east and north of it, from lon/lat and back.

Lengths are those of a sphere of 6,371 km on which the meridians are parallel at the point's latitude; over
the few kilometres of a route that is within 0.6 % of the ellipsoid. Corridors and routes are measured by one
rule, so that lengths agree with each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.kernels.compiled import F64, I64

METRES_PER_DEGREE = 111_194.926644559
"""Of a great circle: 6,371,008.8 m · π / 180."""


@dataclass(frozen=True)
class Plane:
    """The plane around `lon`, `lat`."""

    lon: float
    lat: float

    @property
    def scale(self) -> F64:
        """Metres per degree, east and north."""
        return METRES_PER_DEGREE * np.array([max(np.cos(np.radians(self.lat)), 1e-6), 1.0])

    def metres(self, lonlat: F64) -> F64:
        """Metres east and north of the point, `(n, 2)`."""
        made: F64 = (np.asarray(lonlat, np.float64).reshape(-1, 2) - [self.lon, self.lat]) * self.scale
        return made

    def degrees(self, metres: F64) -> F64:
        """Lon/lat, `(n, 2)`, rounded to a centimetre."""
        made: F64 = np.asarray(metres, np.float64).reshape(-1, 2) / self.scale + [self.lon, self.lat]
        return np.round(made, 7)

    def box(self, reach_m: float) -> tuple[float, float, float, float]:
        """West, south, east, north of all that lies within a distance."""
        east, north = (reach_m / self.scale).tolist()
        return self.lon - east, self.lat - north, self.lon + east, self.lat + north


def line_lengths(offsets: I64, metres: F64) -> F64:
    """Length of each line, float64 `(n_lines,)`; `offsets` point into `metres`."""
    steps = np.zeros(len(metres))
    if len(metres) > 1:
        steps[1:] = np.hypot(*np.diff(metres, axis=0).T)
    lengths: F64 = np.zeros(offsets.size - 1)
    some = offsets[1:] > offsets[:-1]
    # the step onto a line's first vertex comes from the line before; each line is summed for itself, so that
    # its length does not depend on its neighbours
    steps[offsets[:-1][some]] = 0.0
    if some.any():
        lengths[some] = np.add.reduceat(steps, offsets[:-1][some])
    return lengths


def points_along(offsets: I64, metres: F64, line: I64, at: F64) -> F64:
    """Places at so many metres along some lines, float64 `(n, 2)`; beyond an end it is the end."""
    if not line.size:
        return np.empty((0, 2))
    steps = np.zeros(len(metres))
    steps[1:] = np.hypot(*np.diff(metres, axis=0).T)
    along = np.cumsum(steps)
    wanted = along[offsets[line]] + at
    before = np.clip(np.searchsorted(along, wanted, side="right") - 1, offsets[line], offsets[line + 1] - 2)
    step = along[before + 1] - along[before]
    part = np.where(step > 0.0, (wanted - along[before]) / np.where(step > 0.0, step, 1.0), 0.0)
    part = np.clip(part, 0.0, 1.0)[:, None]
    found: F64 = metres[before] * (1.0 - part) + metres[before + 1] * part
    return found
