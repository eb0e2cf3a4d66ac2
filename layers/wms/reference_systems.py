"""Reference systems that maps can be asked in: their names, the order of their axes, the part they reach.

WMS 1.3.0 takes a BBOX in the order of a system's own axes (OGC 06-042, 6.7.2), WMS 1.1.1 always has x first
(OGC 01-068r3, 6.5.5). PROJ's copy of the EPSG register says which is which.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import pyproj

from layers.source import Box

GLOBAL = ("CRS:84", "EPSG:4326", "EPSG:3857", "EPSG:4490")
_ZONES = (
    *range(32601, 32661),  # WGS 84 / UTM north
    *range(32701, 32761),  # WGS 84 / UTM south
    *range(4491, 4555),  # CGCS2000 / Gauss-Krüger, six and three degrees, with and without zone numbers
    *range(25828, 25838),  # ETRS89 / UTM
)
ZONES = tuple(f"EPSG:{code}" for code in _ZONES)
KNOWN = frozenset((*GLOBAL, *ZONES))

_MERCATOR_EDGE = 85.051128779806604


class Bounds(NamedTuple):
    """A box in units of a reference system, x before y."""

    west: float
    south: float
    east: float
    north: float


@lru_cache(maxsize=512)
def north_first(crs: str) -> bool:
    """Whether a system's first axis counts northing or latitude."""
    if crs == "CRS:84":
        return False
    return pyproj.CRS.from_user_input(crs).axis_info[0].direction.lower() == "north"


@lru_cache(maxsize=512)
def reach(crs: str) -> Box:
    """Where a system can be used, in lon/lat."""
    if crs == "EPSG:3857":
        return Box(-180.0, -_MERCATOR_EDGE, 180.0, _MERCATOR_EDGE)
    if crs in ("CRS:84", "EPSG:4326"):
        return Box(-180.0, -90.0, 180.0, 90.0)
    area = pyproj.CRS.from_user_input(crs).area_of_use
    assert area is not None
    return Box(area.west, area.south, area.east, area.north)


def near(extent: Box) -> list[str]:
    """The systems worth offering for data in an extent."""
    return [*GLOBAL, *(crs for crs in ZONES if reach(crs).meets(extent))]


@lru_cache(maxsize=1024)
def bounds(crs: str, extent: Box) -> Bounds:
    """The box around an extent, in a system."""
    edge = reach(crs)
    cut = Box(
        max(extent.west, edge.west),
        max(extent.south, edge.south),
        min(extent.east, edge.east),
        min(extent.north, edge.north),
    )
    if crs in GLOBAL and crs != "EPSG:3857":
        return Bounds(*extent)
    turner = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
    return Bounds(*turner.transform_bounds(*cut, densify_pts=21))
