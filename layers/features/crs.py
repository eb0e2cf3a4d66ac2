"""Coordinate reference systems by their URI, and coordinates between them and lon/lat (OGC 18-058r1).

Coordinates are in the order of axes that the authority of a system says (18-058r1, 6.2): latitude before
longitude in EPSG:4326, northing before easting in Gauß–Krüger zones of CGCS2000.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from compiling import F64
from layers.source import BadQuery, Box

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
EVERYWHERE = (CRS84, f"{EPSG}4326", f"{EPSG}3857", f"{EPSG}4490")

_CHINA = Box(73.0, 3.0, 136.0, 54.0)
_EDGE_POINTS = 32


def systems(extent: Box | None) -> tuple[str, ...]:
    """The URIs of the systems that fit data of an extent, the stored one first.

    Beside those of the whole world the UTM zones (EPSG 326xx, 327xx) and, in China, the three-degree
    Gauß–Krüger zones of CGCS2000 that the extent meets (EPSG 4513–4533 with the zone's number before the
    easting, 4534–4554 without).
    """
    if extent is None:
        return EVERYWHERE
    return (*EVERYWHERE, *(f"{EPSG}{code}" for part in extent.parts() for code in _zones(part)))


def _zones(box: Box) -> Iterator[int]:
    first, last = (min(59, math.floor((lon + 180) / 6)) for lon in (box.west, box.east))
    for zone in range(first + 1, last + 2):
        if box.north >= 0:
            yield 32600 + zone
        if box.south < 0:
            yield 32700 + zone
    if box.meets(_CHINA):
        first, last = (min(45, max(25, round(lon / 3))) for lon in (box.west, box.east))
        for zone in range(first, last + 1):
            yield 4513 + zone - 25
            yield 4534 + zone - 25


@dataclass(frozen=True)
class System:
    """One reference system; coordinates are `(n, 2)`, what cannot be told is infinite."""

    uri: str
    _pyproj: pyproj.CRS
    _from: pyproj.Transformer
    _to: pyproj.Transformer

    @property
    def is_lonlat(self) -> bool:
        """Whether coordinates are those stored."""
        return self.uri == CRS84

    def from_lonlat(self, coords: F64) -> F64:
        """Stored coordinates as this system writes them."""
        return coords if self.is_lonlat else _moved(self._from, coords)

    def to_lonlat(self, coords: F64) -> F64:
        """Coordinates of this system as they are stored."""
        return coords if self.is_lonlat else _moved(self._to, coords)

    @property
    def is_north_first(self) -> bool:
        """Whether the first number of a position goes north: files in other forms want it second."""
        return self._pyproj.axis_info[0].direction == "north"

    def projjson(self) -> dict[str, object]:
        """The system as PROJJSON."""
        described: dict[str, object] = self._pyproj.to_json_dict()
        return described

    @property
    def name(self) -> str:
        """As GDAL names it: `EPSG:4326`."""
        return "OGC:CRS84" if self.is_lonlat else "EPSG:" + self.uri.removeprefix(EPSG)

    def outline(self, numbers: tuple[float, float, float, float]) -> BaseGeometry:
        """A box of this system in lon/lat, its edges bent as they are there."""
        left, bottom, right, top = numbers
        edge = max((right - left) / _EDGE_POINTS, (top - bottom) / _EDGE_POINTS, 1e-9)
        box: BaseGeometry = shapely.box(*numbers)
        if (left, bottom) != (right, top):  # a box may be a point, which has no edges
            box = shapely.segmentize(box, edge)
        outline: BaseGeometry = shapely.transform(box, self.to_lonlat)
        return outline


def _moved(transformer: pyproj.Transformer, coords: F64) -> F64:
    first, second = transformer.transform(coords[:, 0], coords[:, 1])
    return np.column_stack([first, second])


@lru_cache(maxsize=256)
def _system(uri: str) -> System:
    code = "OGC:CRS84" if uri == CRS84 else f"EPSG:{uri.removeprefix(EPSG)}"
    there, stored = pyproj.CRS(code), pyproj.CRS("OGC:CRS84")
    return System(
        uri,
        there,
        pyproj.Transformer.from_crs(stored, there),
        pyproj.Transformer.from_crs(there, stored),
    )


LONLAT = _system(CRS84)


def read_system(name: str, uri: str | None, offered: Collection[str]) -> System:
    """The system a parameter names; lon/lat where it is not given.

    Raises
    ------
    BadQuery
        For one that is not offered (18-058r1, requirements 4 and 8).
    """
    if uri is None:
        return LONLAT
    uri = uri.strip().removeprefix("<").removesuffix(">")
    found = uri.replace("https://", "http://", 1)
    if found.upper().startswith("EPSG:"):
        found = EPSG + found[5:]
    if found not in offered:
        raise BadQuery(f"{name}: {uri[:80]!r} is not offered here; use one of {', '.join(offered)}")
    return _system(found)
