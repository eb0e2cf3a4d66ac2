"""What a request for a tile says, checked: layers, tile, format, attributes, moment; every fault named.

Knows Django's request as a mapping of texts, and what a catalogue holds.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import HttpRequest

from layers.catalog import Catalog
from layers.features.times import read_moment
from layers.scope import parameters
from layers.sheet import Drawable
from layers.source import BadQuery, Counties, NoSuchLayer
from layers.tiles.making import Asked, check_properties
from layers.tiles.matrix import MATRIX_SETS, MOST_ZOOM, Tile, TileMatrixSet

MVT = "application/vnd.mapbox-vector-tile"
PNG = "image/png"
FORMATS = {"mvt": MVT, "png": PNG}
TILE_PARAMETERS = ("f", "properties", "datetime", "collections")
MOST_LAYERS = 64
"""Layers named in one address."""

_NUMBER = re.compile(r"0|[1-9]\d{0,9}")


@dataclass(frozen=True)
class TileRequest:
    """A tile, and as what it is to be sent."""

    asked: Asked
    media_type: str


def given(request: HttpRequest, known: Collection[str]) -> dict[str, str]:
    """The query parameters but the token; of one that is repeated, the last.

    Raises
    ------
    BadQuery
        For one that is not known here.
    """
    found = parameters(request)
    if unknown := [name for name in found if name not in known]:
        raise BadQuery(f"{', '.join(unknown)}: no such parameter here; use {', '.join(known)}")
    return found


def layers_of(catalog: Catalog, names: str) -> tuple[Drawable, ...]:
    """The layers of a list with commas between.

    Raises
    ------
    NoSuchLayer
        For a name that is none, or whose features are not drawn.
    BadQuery
        For a list that is too long or names a layer twice.
    """
    listed = [name.strip() for name in names.split(",")]
    if len(listed) > MOST_LAYERS:
        raise BadQuery(f"collections: {len(listed)} are named, {MOST_LAYERS} at most")
    if len(set(listed)) < len(listed):
        raise BadQuery("collections: a name stands twice; a tile has each layer once")
    found = []
    for name in listed:
        source = catalog[name]
        if not isinstance(source, Drawable):
            raise NoSuchLayer(f"the collection {name} has no tiles")
        found.append(source)
    return tuple(found)


def drawables(catalog: Catalog) -> tuple[Drawable, ...]:
    """All layers that have tiles."""
    return tuple(source for source in catalog if isinstance(source, Drawable))


def matrix_set(id: str) -> TileMatrixSet:
    """A tile matrix set by its id; NoSuchLayer lists those there are."""
    found = MATRIX_SETS.get(id)
    if found is None:
        raise NoSuchLayer(f"no tile matrix set is called {id!r}; there are {', '.join(MATRIX_SETS)}")
    return found


def tile_of(grid: TileMatrixSet, z: str, x: str, y: str) -> Tile:
    """A tile by the texts of an address.

    Raises
    ------
    NoSuchLayer
        When there is no such tile (OGC 20-057, requirement 6: 404).
    """
    if all(_NUMBER.fullmatch(text) for text in (z, x, y)) and grid.has(
        found := Tile(*(int(text) for text in (z, x, y)))
    ):
        return found
    raise NoSuchLayer(
        f"{grid.id} has no tile at level {z[:12]}, column {x[:12]}, row {y[:12]}; it has the levels 0 to "
        f"{MOST_ZOOM}, with {grid.columns} × 2^level columns and 2^level rows"
    )


def media_type(request: HttpRequest, format: str | None, *, default: str = MVT) -> str:
    """As what a tile is sent: `f` decides, else what the client accepts."""
    if format is not None:
        if format not in FORMATS:
            raise BadQuery(f"f: {format!r} is no format of tiles; use {' or '.join(FORMATS)}")
        return FORMATS[format]
    accepted = request.headers.get("Accept", "*/*")
    # a browser's list for images names several of them, and anything at last
    if MVT in accepted or not ("image/png" in accepted or accepted.startswith("image/")):
        return default
    return PNG


def asked_tile(
    sources: tuple[Drawable, ...],
    grid: TileMatrixSet,
    tile: Tile,
    told: Mapping[str, str],
    counties: Counties,
) -> Asked:
    """What the parameters of an address ask of a tile."""
    properties = None
    if "properties" in told:
        properties = tuple(dict.fromkeys(name for name in told["properties"].split(",") if name))
        check_properties(sources, properties)
    return Asked(
        sources, grid, tile, properties, read_moment(told.get("datetime"), datetime.now(UTC)), counties
    )
