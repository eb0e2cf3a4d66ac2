"""Tiles as pictures: what one hangs on as a short text, and its PNG.

The cartography and the drawing are those of the maps; a tile is a map of a tile's box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import xxhash

from layers.raster import PNG, Drawn, Frame, draw, encoded
from layers.raster.drawing import MARGIN, needed_fields
from layers.sheet import Drawable, Sight
from layers.source import Counties
from layers.style import Cartography
from layers.tiles.making import Made
from layers.tiles.matrix import TILE_PX, Tile, TileMatrixSet

EDITION = "1"
"""Of how tiles are drawn: another one wherever the same data gives another picture."""


@dataclass(frozen=True)
class PictureAsked:
    """A tile of some layers, the lowest first, each in a style."""

    layers: tuple[Drawn, ...]
    grid: TileMatrixSet
    tile: Tile
    moment: datetime | None = None
    counties: Counties = None


def in_default_styles(sources: Sequence[Drawable], cartography: Cartography) -> tuple[Drawn, ...]:
    """Layers in the order in which they lie over one another, each in its first style."""
    known = {source.description.id: source for source in sources}
    return tuple(
        Drawn(known[name], cartography.styles(name, known[name].description.geometry)[0])
        for name in cartography.in_order({name: of.description.geometry for name, of in known.items()})
    )


def picture_stamp(asked: PictureAsked) -> str:
    """A short text that is another one whenever the picture can be; costs no look."""
    frame = frame_of(asked.grid, asked.tile)
    box = frame.look_box(MARGIN)
    told = [EDITION, asked.grid.id, *map(str, asked.tile)]
    told.append("*" if asked.counties is None else ",".join(sorted(asked.counties)))
    told.append("" if asked.moment is None else asked.moment.isoformat())
    for source, style in asked.layers:
        fields = needed_fields(style, frame.denominator)
        sight = Sight(box, fields, asked.moment, asked.counties)
        told += [source.description.id, repr(style), source.stamp(sight)]
    return f"{xxhash.xxh3_128_hexdigest(chr(10).join(told).encode())}-png"


def draw_tile(asked: PictureAsked, cartography: Cartography) -> Made:
    """The picture on a transparent ground."""
    picture = draw(
        frame_of(asked.grid, asked.tile),
        asked.layers,
        cartography,
        moment=asked.moment,
        counties=asked.counties,
    )
    return Made(encoded(picture.pixels, PNG), missing=picture.missing)


def frame_of(grid: TileMatrixSet, tile: Tile) -> Frame:
    """What a tile's picture shows."""
    side = grid.cell(tile.z) * TILE_PX
    west, north = grid.origin[0] + tile.x * side, grid.origin[1] - tile.y * side
    crs = "EPSG:3857" if grid.mercator else "CRS:84"
    return Frame(crs, west, north - side, west + side, north, TILE_PX, TILE_PX)
