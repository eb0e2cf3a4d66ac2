"""What a picture shows: a box in a reference system, and how lon/lat comes to lie on its pixels.

Positions are x (east) before y (north) here, whatever order the system itself prefers; that is a matter of
the services. Pixels count from the top left corner, whose own coordinate is (0, 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj

from compiling import F64
from layers.raster.projecting import DEGREES, GIVEN, MERCATOR, RADIUS_M, Placing
from layers.source import Box

PIXEL_M = 0.00028
"""The pixel that scales are counted with, OGC 06-042, 7.2.4.6.9."""

_METRES_PER_DEGREE = math.pi / 180 * 6378137.0
_LON_LAT = frozenset({"EPSG:4326", "CRS:84", "EPSG:4490", "OGC:CRS84"})
_WORLD = Box(-180.0, -90.0, 180.0, 90.0)
_STEPS = 17


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture's box and size.

    Parameters
    ----------
    crs
        `EPSG:3857`, `EPSG:4326`, `CRS:84`, or anything else that PROJ knows.
    west, south, east, north
        In units of the reference system, x before y.
    width, height
        Pixels.
    ratio
        Pixels for each pixel that sizes are given in: 2 for screens of double density.
    """

    crs: str
    west: float
    south: float
    east: float
    north: float
    width: int
    height: int
    ratio: float = 1.0

    @property
    def denominator(self) -> float:
        """The scale's denominator; the mean one where pixels are not square."""
        across = (self.east - self.west) / self.width
        up = (self.north - self.south) / self.height
        return math.sqrt(across * up) * metres_per_unit(self.crs) / PIXEL_M * self.ratio

    @property
    def placing(self) -> Placing:
        """How positions are brought onto pixels."""
        x = self.width / (self.east - self.west)
        y = -self.height / (self.north - self.south)
        return Placing(_kind(self.crs), x, -self.west * x, y, -self.north * y)

    def look_box(self, margin: float) -> Box:
        """The lon/lat box around the picture and some pixels beyond its edges."""
        aside = margin * (self.east - self.west) / self.width
        above = margin * (self.north - self.south) / self.height
        x = np.linspace(self.west - aside, self.east + aside, _STEPS)
        y = np.linspace(self.south - above, self.north + above, _STEPS)
        lon, lat = to_lon_lat(self.crs, np.tile(x, _STEPS), np.repeat(y, _STEPS))
        if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
            return _WORLD
        west, south, east, north = lon.min(), lat.min(), lon.max(), lat.max()
        if _kind(self.crs) == GIVEN:
            # an edge may bulge between the positions that were turned back
            slack_x, slack_y = (east - west) / _STEPS, (north - south) / _STEPS
            west, east, south, north = west - slack_x, east + slack_x, south - slack_y, north + slack_y
        return Box(
            max(float(west), -180.0),
            max(float(south), -90.0),
            min(float(east), 180.0),
            min(float(north), 90.0),
        )


def _kind(crs: str) -> int:
    return MERCATOR if crs == "EPSG:3857" else DEGREES if crs in _LON_LAT else GIVEN


@lru_cache(maxsize=256)
def metres_per_unit(crs: str) -> float:
    """Metres in a unit of a reference system; of a degree, those at the equator."""
    if crs == "EPSG:3857":
        return 1.0
    if crs in _LON_LAT:
        return _METRES_PER_DEGREE
    known = pyproj.CRS.from_user_input(crs)
    unit = known.axis_info[0].unit_conversion_factor
    return _METRES_PER_DEGREE * math.degrees(unit) if known.is_geographic else unit


@lru_cache(maxsize=256)
def _transformer(crs: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True)


def project(crs: str, lon_lat: F64) -> F64:
    """Positions in a reference system, `(n, 2)`; infinite where it does not reach."""
    x, y = _transformer(crs).transform(lon_lat[:, 0], lon_lat[:, 1])
    return np.column_stack([x, y])


def to_lon_lat(crs: str, x: F64, y: F64) -> tuple[F64, F64]:
    """Longitudes and latitudes of positions in a reference system."""
    kind = _kind(crs)
    if kind == DEGREES:
        return x, y
    if kind == MERCATOR:
        return np.degrees(x / RADIUS_M), np.degrees(2 * np.arctan(np.exp(y / RADIUS_M)) - math.pi / 2)
    lon, lat = _transformer(crs).transform(x, y, direction="INVERSE")
    return lon, lat
