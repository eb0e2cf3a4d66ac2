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
    along = np.concatenate([[0.0], np.cumsum(steps)])
    # the step onto a line's first vertex comes from the line before and is left out
    starts = np.minimum(offsets[:-1] + 1, offsets[1:])
    lengths: F64 = along[offsets[1:]] - along[starts]
    return lengths
