"""Features of a vector tile out of commands and attributes, compiled; what identifies each.

Messages after the Mapbox Vector Tile specification 2.1, clauses 4.2 and 4.4. Trusts that `out` has the room
that `features_room` tells.
"""

from __future__ import annotations

import numpy as np

from compiling import I32, I64, U8, U64, borrowing
from layers.tiles.values import hash_of
from layers.tiles.wire import put_varint, varint_size

ID_BITS = 53
"""Bits of a feature's number: as many as a number of JavaScript holds."""

_SHIFT = np.uint64(64 - ID_BITS)
_FEATURE, _ID, _TAGS, _TYPE, _GEOMETRY = 2 << 3 | 2, 1 << 3, 2 << 3 | 2, 3 << 3, 4 << 3 | 2


def feature_number(id: str) -> int:
    """The number that a feature has in a tile: the upper 53 bits of the 64 of FNV-1a of its id.

    Examples
    --------
    >>> feature_number("")
    7189484310518434
    """
    data = np.frombuffer(id.encode(), np.uint8)
    return int(hash_of(data, 0, len(data))) >> (64 - ID_BITS)


@borrowing
def number_features(offsets: I64, data: U8, words: I64, out: U64) -> None:
    """The number of each feature by its id, see `feature_number`; 0, which is none, without an id."""
    for row in range(len(words)):
        word = words[row]
        out[row] = 0
        if word >= 0:
            out[row] = np.uint64(hash_of(data, offsets[word], offsets[word + 1])) >> _SHIFT


def features_room(rows: int, columns: int, geometry: int) -> int:
    """Bytes that so many features take at most."""
    return geometry + rows * (40 + 10 * columns)


@borrowing
def write_features(
    kept: I64, numbers: U64, tags: I32, type: int, geometry: U8, ends: I64, out: U8, at: int
) -> int:
    """Write features; the place behind them.

    Parameters
    ----------
    kept
        Which of the shaped rows become features; `numbers` and `tags` are aligned with it.
    tags
        `(columns, len(kept))` numbers of values, -1 for none; the number of a column is that of its key.
    type
        1 for points, 2 for lines, 3 for polygons.
    ends
        Where each shaped row's commands end in `geometry`.
    """
    for place in range(len(kept)):
        row = kept[place]
        begin = ends[row - 1] if row else 0
        size = ends[row] - begin
        tags_size = 0
        for column in range(len(tags)):
            if tags[column, place] >= 0:
                tags_size += varint_size(column) + varint_size(tags[column, place])
        whole = 2 + 1 + varint_size(size) + size
        if numbers[place]:
            whole += 1 + varint_size(numbers[place])
        if tags_size:
            whole += 1 + varint_size(tags_size) + tags_size
        out[at] = _FEATURE
        at = put_varint(out, at + 1, whole)
        if numbers[place]:
            out[at] = _ID
            at = put_varint(out, at + 1, numbers[place])
        if tags_size:
            out[at] = _TAGS
            at = put_varint(out, at + 1, tags_size)
            for column in range(len(tags)):
                if tags[column, place] >= 0:
                    at = put_varint(out, at, column)
                    at = put_varint(out, at, tags[column, place])
        out[at] = _TYPE
        out[at + 1] = type
        out[at + 2] = _GEOMETRY
        at = put_varint(out, at + 3, size)
        for byte in range(begin, ends[row]):
            out[at] = geometry[byte]
            at += 1
    return at
