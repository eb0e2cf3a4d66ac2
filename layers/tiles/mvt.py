"""A layer of a vector tile out of what is seen of it: placed, simplified, cut, and with attributes once each.

Mapbox Vector Tile specification 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from compiling import F64
from compiling.addresses import address_of
from layers.addressed import ADDRESSED, ADDRESSED_GEOMETRY
from layers.geojson_rows import LINE, MULTILINE, POINT
from layers.sheet import Patch
from layers.tiles import crowded
from layers.tiles.crowded import Written, crowded_layer, wanted_of
from layers.tiles.matrix import EXTENT
from layers.tiles.plane import MARGIN
from layers.tiles.whole import TOO_MUCH, whole_layer

_NOTHING: Mapping[str, float] = {}


class Layer(NamedTuple):
    """A layer as bytes, and how many of the features that lie in the tile are in it."""

    data: bytes
    features: int
    of: int


def layer_message(
    name: str,
    patches: Sequence[Patch],
    fields: Sequence[str],
    plane: F64,
    *,
    tolerance: float = 0.0,
    at_least: Mapping[str, float] | None = None,
) -> Layer:
    """One layer of a tile; no bytes where nothing of it shows.

    Parameters
    ----------
    fields
        The attributes in their order: of the patches' stored and live columns, whichever there are.
    plane
        See `plane.plane_of`.
    tolerance
        Units by which a path may be off.
    at_least
        Columns of numbers and what a row has at least to be shown; a row whose number is not known is.
    """
    least = at_least or _NOTHING
    if not patches:
        return Layer(b"", 0, 0)
    made = _in_one_call(patches, fields, plane, tolerance, least)
    if made is None:
        made = crowded_layer(patches, fields, plane, tolerance=tolerance, at_least=least)
    if not made.kept:
        return Layer(b"", 0, made.of)
    lead, keys = _around(name, tuple(fields))
    size = len(lead) + made.features.size + len(keys) + made.values.size + len(_END)
    data = b"".join([b"\x1a", varint(size), lead, made.features.data, keys, made.values.data, _END])
    return Layer(data, made.kept, made.of)


def varint(value: int) -> bytes:
    """A number that is not negative as protocol buffers write it."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


_END = b"\x28" + varint(EXTENT)


@lru_cache(maxsize=256)
def _around(name: str, fields: tuple[str, ...]) -> tuple[bytes, bytes]:
    """What stands before a layer's features (version 2 and its name), and its keys."""
    text = name.encode()
    keys = b"".join(b"\x1a" + varint(len(key)) + key for key in (field.encode() for field in fields))
    return b"\x78\x02\x0a" + varint(len(text)) + text, keys


def _in_one_call(
    patches: Sequence[Patch],
    fields: Sequence[str],
    plane: F64,
    tolerance: float,
    at_least: Mapping[str, float],
) -> Written | None:
    """The layer, unless it is one that `crowded` makes."""
    n = len(patches)
    looks = np.empty((n, 2), np.int64)
    geometries = np.empty((n, ADDRESSED_GEOMETRY), np.int64)
    ids = np.empty((n, ADDRESSED), np.int64)
    columns = np.empty((n, len(fields), ADDRESSED), np.int64)
    live = np.empty((n, len(fields)), np.int64)
    least_of = np.empty((n, len(at_least), ADDRESSED), np.int64)
    every = [np.ascontiguousarray(patch.rows, np.int64) for patch in patches]
    for place, patch in enumerate(patches):
        if patch.geometries.kind not in (POINT, LINE, MULTILINE):
            return None
        looks[place] = address_of(every[place]), len(every[place])
        geometries[place] = patch.geometries.addressed.told
        ids[place] = patch.ids.addressed.told
        columns[place], live[place], least_of[place] = wanted_of(patch, fields, at_least)
    features, values, count = whole_layer(
        looks,
        geometries,
        ids,
        columns,
        live,
        least_of,
        np.array(list(at_least.values()), np.float64),
        plane,
        float(-MARGIN),
        float(EXTENT + MARGIN),
        tolerance,
        crowded.MOST_FEATURES,
        crowded.MOST_BYTES,
    )
    return None if count == TOO_MUCH else Written(features, values, count, count)
