"""Where tiles lie: the two tile matrix sets that are served, as numbers, and which tiles a box meets.

Pure arithmetic after OGC 17-083r4 (Two Dimensional Tile Matrix Set), annex D; rows count from the north,
columns from the west. Knows no contents.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from layers.source import Box

EXTENT = 4096
"""Units across a vector tile."""

MOST_ZOOM = 22
"""The last level served: a unit of its vector tiles is a few micrometres."""

MERCATOR_LIMIT = math.degrees(2 * math.atan(math.exp(math.pi)) - math.pi / 2)
"""Latitude at which Web Mercator's square ends, 85.0511… degrees."""

_EARTH_M = 6_378_137.0
_PIXEL_M = 0.00028  # of the standardised rendering pixel, clause 6.2 there
TILE_PX = 256
"""Pixels across a picture of a tile."""


class Tile(NamedTuple):
    """One tile: level, column from the west, row from the north."""

    z: int
    x: int
    y: int


@dataclass(frozen=True)
class TileMatrixSet:
    """A pyramid of tiles over the world, each level twice as fine as the one before.

    Parameters
    ----------
    id, title, uri, crs
        As OGC's register of definitions has them.
    mercator
        Whether latitudes are stretched as Web Mercator does it; else degrees are the plane.
    columns
        Of level 0, which has one row.
    scales
        The well-known set of scales that its levels have.
    """

    id: str
    title: str
    uri: str
    crs: str
    mercator: bool
    columns: int
    scales: str

    def size(self, z: int) -> tuple[int, int]:
        """Columns and rows of a level."""
        return self.columns << z, 1 << z

    def has(self, tile: Tile) -> bool:
        """Whether there is such a tile."""
        columns, rows = self.size(max(tile.z, 0))
        return 0 <= tile.z <= MOST_ZOOM and 0 <= tile.x < columns and 0 <= tile.y < rows

    def bounds(self, tile: Tile, margin: float = 0.0) -> Box:
        """A tile's box in lon/lat, wider by a margin given as a share of its side.

        It ends at the 180th meridian: nothing of its other side lies in the margin.
        """
        columns, rows = self.size(tile.z)
        west = (tile.x - margin) / columns * 360 - 180
        east = (tile.x + 1 + margin) / columns * 360 - 180
        north, south = ((tile.y + at) / rows for at in (-margin, 1 + margin))
        return Box(max(west, -180.0), self._latitude(south), min(east, 180.0), self._latitude(north))

    def place(self, lon: float, lat: float) -> tuple[float, float]:
        """A position as shares of the world's width and height, from its north-west corner."""
        if not self.mercator:
            return (lon + 180) / 360, (90 - lat) / 180
        sine = math.sin(math.radians(lat))
        sine = min(max(sine, -1 + 1e-15), 1 - 1e-15)
        return (lon + 180) / 360, 0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)

    def covering(self, box: Box, z: int) -> list[tuple[range, range]]:
        """Columns and rows of the tiles of a level that meet a box, for each part of it."""
        columns, rows = self.size(z)
        found = []
        for part in box.parts():
            left, top = self.place(part.west, part.north)
            right, bottom = self.place(part.east, part.south)
            found.append((_between(left, right, columns), _between(top, bottom, rows)))
        return found

    def tiles(self, box: Box, z: int) -> Iterator[Tile]:
        """The tiles of a level that meet a box, by row and column; each once for each part of it."""
        for across, down in self.covering(box, z):
            for y in down:
                for x in across:
                    yield Tile(z, x, y)

    @property
    def origin(self) -> tuple[float, float]:
        """The north-west corner of the world, x before y, in the units of the reference system."""
        half = math.pi * _EARTH_M if self.mercator else 180.0
        return -half, half if self.mercator else 90.0

    def cell(self, z: int) -> float:
        """Units of the reference system across a pixel of a picture of a tile."""
        return -2 * self.origin[0] / (self.size(z)[0] * TILE_PX)

    def denominator(self, z: int) -> float:
        """The denominator of a level's scale."""
        metres = 1.0 if self.mercator else math.radians(1) * _EARTH_M
        return self.cell(z) * metres / _PIXEL_M

    def limits(self) -> list[dict[str, Any]]:
        """The tiles that can be asked for at each level (OGC 20-057, 8.2.2): all that there are."""
        return [
            {
                "tileMatrix": str(z),
                "minTileRow": 0,
                "maxTileRow": rows - 1,
                "minTileCol": 0,
                "maxTileCol": columns - 1,
            }
            for z in range(MOST_ZOOM + 1)
            for columns, rows in [self.size(z)]
        ]

    def definition(self) -> dict[str, Any]:
        """The set in the JSON encoding of OGC 17-083r4, clause 7."""
        levels = []
        for z in range(MOST_ZOOM + 1):
            columns, rows = self.size(z)
            levels.append(
                {
                    "id": str(z),
                    "scaleDenominator": self.denominator(z),
                    "cellSize": self.cell(z),
                    "cornerOfOrigin": "topLeft",
                    "pointOfOrigin": list(self.origin),
                    "tileWidth": TILE_PX,
                    "tileHeight": TILE_PX,
                    "matrixWidth": columns,
                    "matrixHeight": rows,
                }
            )
        axes = ["X", "Y"] if self.mercator else ["Lon", "Lat"]
        return {
            "id": self.id,
            "title": self.title,
            "uri": self.uri,
            "crs": self.crs,
            "orderedAxes": axes,
            "wellKnownScaleSet": f"http://www.opengis.net/def/wkss/OGC/1.0/{self.scales}",
            "tileMatrices": levels,
        }

    def _latitude(self, share: float) -> float:
        if not self.mercator:
            return max(min(90 - share * 180, 90.0), -90.0)
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * share))))


def _between(low: float, high: float, count: int) -> range:
    first = min(max(math.floor(low * count), 0), count)
    return range(first, max(min(math.floor(high * count) + 1, count), first))


_REGISTER = "http://www.opengis.net/def/tilematrixset/OGC/1.0/"

WEB_MERCATOR = TileMatrixSet(
    "WebMercatorQuad",
    "Google Maps Compatible for the World",
    f"{_REGISTER}WebMercatorQuad",
    "http://www.opengis.net/def/crs/EPSG/0/3857",
    mercator=True,
    columns=1,
    scales="GoogleMapsCompatible",
)
WORLD_CRS84 = TileMatrixSet(
    "WorldCRS84Quad",
    "CRS84 for the World",
    f"{_REGISTER}WorldCRS84Quad",
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    mercator=False,
    columns=2,
    scales="GoogleCRS84Quad",
)
MATRIX_SETS = {one.id: one for one in (WEB_MERCATOR, WORLD_CRS84)}
