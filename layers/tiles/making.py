"""One vector tile of some layers: what it hangs on as a short text, and its bytes.

Knows no HTTP. A tile is made of one look at each of its layers; what of them cannot be read is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import xxhash

from layers.sheet import Drawable, Sight
from layers.source import BadQuery, Counties
from layers.tiles.detail import EVERYTHING, Detail, tolerance
from layers.tiles.matrix import EXTENT, Tile, TileMatrixSet
from layers.tiles.mvt import layer_message
from layers.tiles.plane import MARGIN, plane_of

EDITION = "2"
"""Of the encoder and of what it is told to show: another one wherever the same data gives another tile."""


class Thinned(NamedTuple):
    """A layer that a tile has no room for: how many features it shows, and of how many."""

    layer: str
    features: int
    of: int


class Made(NamedTuple):
    """A tile as bytes (none where nothing shows), and what is to be said of it."""

    data: bytes
    thinned: tuple[Thinned, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """Which tile is asked for, and by whom.

    Parameters
    ----------
    sources
        Its layers in order, each once.
    properties
        The attributes wanted, instead of those of the level; None for these.
    """

    sources: tuple[Drawable, ...]
    grid: TileMatrixSet
    tile: Tile
    properties: tuple[str, ...] | None = None
    moment: datetime | None = None
    counties: Counties = None


class _Shown(NamedTuple):
    source: Drawable
    fields: tuple[str, ...]
    least: Mapping[str, float]
    sight: Sight


def stamp_of(asked: Asked, details: Mapping[str, Detail]) -> str:
    """A short text that is another one whenever the tile can be; costs no look."""
    told = [EDITION, asked.grid.id, *map(str, asked.tile)]
    told.append("*" if asked.counties is None else ",".join(sorted(asked.counties)))
    told.append("" if asked.moment is None else asked.moment.isoformat())
    for one in _shown(asked, details):
        told += [one.source.description.id, ",".join(one.fields), one.source.stamp(one.sight)]
    return xxhash.xxh3_128_hexdigest("\n".join(told).encode())


def make_tile(asked: Asked, details: Mapping[str, Detail]) -> Made:
    """The tile; its layers in the order asked for, without those that show nothing in it."""
    plane, off = plane_of(asked.grid, asked.tile), tolerance(asked.tile.z)
    pieces: list[bytes] = []
    thinned: list[Thinned] = []
    missing: set[str] = set()
    for one in _shown(asked, details):
        seen = one.source.look(one.sight)
        missing.update(seen.missing)
        name = one.source.description.id
        layer = layer_message(
            name,
            seen.patches,
            one.fields,
            plane,
            tolerance=off,
            at_least=one.least,
        )
        pieces.append(layer.data)
        if layer.features < layer.of:
            thinned.append(Thinned(name, layer.features, layer.of))
    return Made(b"".join(pieces), tuple(thinned), tuple(sorted(missing)))


def _shown(asked: Asked, details: Mapping[str, Detail]) -> list[_Shown]:
    """The layers that a tile shows at its level, with what is to be looked at."""
    # positions are brought onto whole units: what lies half a unit beyond the margin may come in
    box = asked.grid.bounds(asked.tile, (MARGIN + 1) / EXTENT)
    moment, counties = asked.moment, asked.counties
    return [
        _Shown(source, fields, least, Sight(box, wanted, moment, counties))
        for source, fields, wanted, least in _planned(asked, details)
    ]


class _Planned(NamedTuple):
    source: Drawable
    fields: tuple[str, ...]
    wanted: tuple[str, ...]
    least: Mapping[str, float]


_Key = tuple[tuple[int, ...], int, int, tuple[str, ...] | None]
_PLANS: dict[_Key, tuple[tuple[Drawable, ...], Mapping[str, Detail], list[_Planned]]] = {}
_MOST_PLANS = 1 << 8


def _planned(asked: Asked, details: Mapping[str, Detail]) -> list[_Planned]:
    """The attributes that a tile tells of each layer, what is to be looked at for it, and what rows need."""
    z, properties = asked.tile.z, asked.properties
    key = tuple(map(id, asked.sources)), id(details), z, properties
    held = _PLANS.get(key)
    if held is not None:  # what it keeps has the same identity as long as it is kept
        return held[2]
    planned = []
    for source in asked.sources:
        description = source.description
        detail = details.get(description.id, EVERYTHING)
        if z < detail.since:
            continue
        fields = detail.fields(description, z)
        if properties is not None:
            names = {one.name for one in description.fields}
            fields = tuple(name for name in properties if name in names)
        least = detail.least(z)
        planned.append(_Planned(source, fields, tuple(dict.fromkeys([*fields, *least])), least))
    if len(_PLANS) >= _MOST_PLANS:
        _PLANS.clear()
    _PLANS[key] = asked.sources, details, planned
    return planned


def check_properties(sources: Sequence[Drawable], properties: Sequence[str]) -> None:
    """Refuse names of attributes that none of the layers has.

    Raises
    ------
    BadQuery
        Listing those there are.
    """
    there = dict.fromkeys(field.name for source in sources for field in source.description.fields)
    for name in properties:
        if name not in there:
            raise BadQuery(f"properties: there is no {name!r}; there are {', '.join(there)}")
