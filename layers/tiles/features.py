"""Features of a vector tile out of commands and attributes, compiled; what identifies each.

Messages after the Mapbox Vector Tile specification 2.1, clauses 4.2 and 4.4. Columns are told by
addresses, whose arrays the caller keeps.
"""

from __future__ import annotations

import numpy as np

from compiling import I32, I64, U8, U64, borrowing, compiled
from compiling.addresses import bytes_at, gather, numbers_at
from layers.addressed import CODES, DATA, LENGTH, OFFSETS, WIDTH, WORDS
from layers.tiles.values import Table, hash_of, put_values
from layers.tiles.wire import put_bytes, put_varint, varint_size

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
def features_room(rows: int, columns: int, geometry: int) -> int:
    """Bytes that so many features take at most."""
    return geometry + rows * (40 + 10 * columns)


@compiled
def number_features(ids: I64, rows: I64) -> U64:
    """The number of each feature by its id, see `feature_number`; 0, which is none, without an id.

    `ids` is a column of texts as `layers.addressed` says.
    """
    out = np.zeros(len(rows), np.uint64)
    words = rows
    if ids[WIDTH]:
        words = np.empty(len(rows), np.int64)
        gather(ids[CODES], ids[WIDTH], ids[LENGTH], rows, words)
    offsets = numbers_at(ids[OFFSETS], ids[WORDS] + 1)
    data = bytes_at(ids[DATA], offsets[ids[WORDS]])
    for k in range(len(rows)):
        word = words[k]
        if word >= 0:
            out[k] = np.uint64(hash_of(data, offsets[word], offsets[word + 1])) >> _SHIFT
    return out


@compiled
def put_patch(
    kept: I64,
    rows: I64,
    places: I64,
    ids: I64,
    columns: I64,
    live: I64,
    type: int,
    geometry: U8,
    ends: I64,
    table: Table,
    out: U8,
    at: int,
) -> tuple[Table, int]:
    """Write the features of one patch; the table with their values, and the place behind them.

    Parameters
    ----------
    kept
        Which of the shaped rows become features; all else that is shaped has a row for each of these.
    rows, places
        Rows of the sheet, and places in the look, of the shaped rows.
    ids
        `(ADDRESSED,)`, a column of the sheet.
    columns
        `(fields, ADDRESSED)`, attributes in the order of their keys.
    live
        `(fields,)`, 1 where an attribute is told by places, 0 where by rows.
    type
        1 for points, 2 for lines, 3 for polygons.
    ends
        Where each shaped row's commands end in `geometry`.
    """
    mine, its_places = rows[kept], places[kept]
    numbers = number_features(ids, mine)
    tags = np.empty((len(columns), len(kept)), np.int32)
    for field in range(len(columns)):
        table = put_values(table, columns[field], its_places if live[field] else mine, tags[field])
    return table, _write_features(kept, numbers, tags, type, geometry, ends, out, at)


@borrowing
def _write_features(
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
        at = put_bytes(out, at, geometry, begin, ends[row])
    return at
