"""A layer of a vector tile out of what is seen of it: placed, simplified, cut, and with attributes once each.

Mapbox Vector Tile specification 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from compiling import F64, I64
from compiling.addresses import address_of
from layers.geojson_rows import LINE, MULTILINE, POINT
from layers.sheet import KeptColumns, Patch
from layers.tiles import crowded
from layers.tiles.crowded import Written, crowded_layer, wanted_of
from layers.tiles.matrix import EXTENT
from layers.tiles.plane import MARGIN
from layers.tiles.whole import TOO_MUCH, whole_layer

_NOTHING: Mapping[str, float] = {}
_LOW, _HIGH = float(-MARGIN), float(EXTENT + MARGIN)


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


class _Told(NamedTuple):
    """What `whole_layer` is told of the sheets and columns of patches, the first axis being the patch."""

    geometry: I64
    ids: I64
    columns: I64
    live: I64
    least_of: I64
    least: F64


def _in_one_call(
    patches: Sequence[Patch],
    fields: Sequence[str],
    plane: F64,
    tolerance: float,
    at_least: Mapping[str, float],
) -> Written | None:
    """The layer, unless it is one that `crowded` makes."""
    every = []
    looks = np.empty((len(patches), 2), np.int64)
    for place, patch in enumerate(patches):
        if patch.geometries.kind not in (POINT, LINE, MULTILINE):
            return None
        rows = np.ascontiguousarray(patch.rows, np.int64)
        every.append(rows)  # its address is read below
        looks[place] = address_of(rows), len(rows)
    told = [_told(patch, tuple(fields), at_least) for patch in patches]
    one = told[0]
    if len(told) > 1:
        one = _Told(
            np.concatenate([each.geometry for each in told]),
            np.concatenate([each.ids for each in told]),
            np.concatenate([each.columns for each in told]),
            np.concatenate([each.live for each in told]),
            np.concatenate([each.least_of for each in told]),
            one.least,
        )
    features, values, count = whole_layer(
        looks,
        one.geometry,
        one.ids,
        one.columns,
        one.live,
        one.least_of,
        one.least,
        plane,
        _LOW,
        _HIGH,
        tolerance,
        crowded.MOST_FEATURES,
        crowded.MOST_BYTES,
    )
    return None if count == TOO_MUCH else Written(features, values, count, count)


def _told(patch: Patch, fields: tuple[str, ...], at_least: Mapping[str, float]) -> _Told:
    """Of one patch; what is told of its sheet is kept with the columns, where looks share them."""
    columns = patch.columns
    if not isinstance(columns, KeptColumns):
        return _gathered(patch, fields, at_least)
    key = __name__, fields, *at_least.items()
    found: _Told | None = columns.told.get(key)
    if found is None:
        found = columns.told[key] = _gathered(replace(patch, live={}), fields, at_least)
    if not patch.live:
        return found
    told, live = found.columns.copy(), found.live.copy()
    for place, field in enumerate(fields):
        column = patch.live.get(field)
        if column is not None:
            told[0, place], live[0, place] = column.addressed.told, 1
    return found._replace(columns=told, live=live)


def _gathered(patch: Patch, fields: tuple[str, ...], at_least: Mapping[str, float]) -> _Told:
    of = wanted_of(patch, fields, at_least)
    geometry, ids = patch.geometries.addressed.told, patch.ids.addressed.told
    least = np.array(list(at_least.values()), np.float64)
    return _Told(
        geometry[None].copy(), ids[None].copy(), of.columns[None], of.live[None], of.least_of[None], least
    )
