"""Columns of features to the text of a FeatureCollection, block by block and without an object per feature.

Memory is bounded by one block of rows and the bytes they make. RFC 7946; coordinates have 7 decimals, numbers
their shortest digits, and what is no number or infinite is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from compiling import I64, U8
from compiling.moving import STRIDE
from layers.geojson_columns import Column, Features, NumberColumn, TextColumn
from layers.geojson_numbers import NUMBER_ROOM
from layers.geojson_rows import (
    CLOSED,
    CODED,
    GEOMETRY,
    OPENED,
    PLACE,
    POINT,
    TEXT,
    WORD,
    needs_escapes,
    padded,
    write_features,
)

BLOCK_ROWS = 8_192
"""Rows whose columns are brought together at once."""

PIECE_ROWS = 2_048
"""Rows whose text is given out at once: it stays in the processor's cache."""

_NO_WORDS: I64 = np.empty((0, 2), dtype=np.int64)
_GEOMETRY_ROOM = 64  # its type and brackets
_COORDINATE_ROOM = 2 * NUMBER_ROOM + 4
_ESCAPED = 6  # bytes of a character as a number


def feature_collection(parts: Iterable[Features], members: Mapping[str, Any]) -> Iterator[bytes]:
    """A FeatureCollection in pieces; `members` are foreign members, which stand before the features.

    Parts may differ in their properties and kind of geometry; they are read one after another. Joined, the
    pieces are one JSON document.
    """
    yield _begun(members)
    first = True
    for piece in features_text(parts):
        yield piece if first else b"," + piece
        first = False
    yield b"]}"


def features_text(parts: Iterable[Features]) -> Iterator[bytes]:
    """Features with commas between them, in pieces of at most `PIECE_ROWS`; none of the pieces is empty."""
    return (piece.tobytes() for piece in _pieces(parts))


def _begun(members: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"type": "FeatureCollection", **members})[:-1] + b',"features":['


def _pieces(parts: Iterable[Features]) -> Iterator[U8]:
    """`features_text`, each piece only until the next one is asked for."""
    out = np.empty(0, dtype=np.uint8)
    for part in parts:
        kinds = _kinds(part)
        leads, lead_ends = _leads(part, kinds)
        for first in range(0, len(part), BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, len(part))
            block = _Block(part, kinds, first, last)
            room = block.room + (last - first + 1) * len(leads)
            if len(out) < room:
                out = np.empty(room + room // 4, dtype=np.uint8)
            for begin in range(0, last - first, PIECE_ROWS):
                end = min(begin + PIECE_ROWS, last - first)
                yield out[: block.write(out, leads, lead_ends, begin, end) - 1]


def _columns(part: Features) -> list[Column | None]:
    """The columns in the order of writing; None for the geometry."""
    return [*([] if part.ids is None else [part.ids]), None, *part.properties.values()]


def _kinds(part: Features) -> list[int]:
    """The kind of each column, see `write_features`."""
    return [_kind(part, column) for column in _columns(part)]


def _kind(part: Features, column: Column | None) -> int:
    if column is None:
        coords = part.geometry.coords
        return PLACE if part.geometry.kind == POINT and np.isfinite(coords).all() else GEOMETRY
    if isinstance(column, NumberColumn):
        return column.kind
    if column.codes is None:
        return TEXT
    return WORD if np.min(column.codes, initial=0) >= 0 else CODED


class _Block:
    """Rows of one part as the arrays that the compiled writer takes."""

    def __init__(self, part: Features, kinds: list[int], first: int, last: int) -> None:
        columns = _columns(part)
        rows = last - first
        self._part, self._first = part, first
        self._kinds: I64 = np.array(kinds, dtype=np.int64)
        self._values: I64 = np.empty((len(columns), rows + 1), dtype=np.int64)
        self._known: U8 = np.ones((len(columns), rows), dtype=np.uint8)
        self._texts_taken: list[U8] = []
        self._words: list[I64] = []
        self._pooled = self._word_count = 0
        self.room = STRIDE + _COORDINATE_ROOM * part.geometry.coordinates_between(first, last)
        for place, column in enumerate(columns):
            if column is None:
                self.room += _GEOMETRY_ROOM * rows
            elif isinstance(column, NumberColumn):
                self._values[place, :rows] = column.values[first:last]
                if column.known is not None:
                    self._known[place] = column.known[first:last]
                self.room += NUMBER_ROOM * rows
            elif column.codes is None:
                self._texts(place, column, first, last)
            else:
                self._coded(place, column, first, last)
        self._pool = padded(*self._texts_taken)
        self._escape = bool(needs_escapes(self._pool))
        self._all_words = np.concatenate([_NO_WORDS, *self._words])

    def _texts(self, place: int, column: TextColumn, first: int, last: int) -> None:
        bounds = column.offsets[first : last + 1]
        np.subtract(bounds, bounds[0] - self._pooled, out=self._values[place])
        self._pool_up(column.data[bounds[0] : bounds[-1]])
        self.room += _ESCAPED * int(bounds[-1] - bounds[0]) + 2 * (last - first)

    def _coded(self, place: int, column: TextColumn, first: int, last: int) -> None:
        assert column.codes is not None
        codes = column.codes[first:last]
        offsets, data = column.offsets, column.data
        rows = self._values[place, :-1]
        rows[:] = codes
        if len(offsets) > len(codes):
            # many words for few rows: take along only those that are used
            used = np.unique(rows[rows >= 0])
            starts, ends = offsets[used], offsets[used + 1]
            rows[rows >= 0] = np.searchsorted(used, rows[rows >= 0])
            data = np.concatenate([data[a:b] for a, b in zip(starts, ends, strict=True)] or [data[:0]])
            offsets = np.concatenate([[0], np.cumsum(ends - starts)])
        if self._word_count:
            rows[rows >= 0] += self._word_count
        self._words.append(np.column_stack([offsets[:-1], offsets[1:]]) + self._pooled)
        self._word_count += len(offsets) - 1
        self._pool_up(data)
        longest = int(np.diff(offsets).max(initial=2))
        self.room += (_ESCAPED * longest + 2) * len(codes)

    def _pool_up(self, data: U8) -> None:
        self._texts_taken.append(data)
        self._pooled += len(data)

    def write(self, out: U8, leads: U8, lead_ends: I64, begin: int, end: int) -> int:
        """Write some of the rows; the number of bytes written."""
        geometry = self._part.geometry
        return write_features(
            self._kinds,
            self._values,
            self._known,
            self._all_words,
            self._pool,
            leads,
            lead_ends,
            geometry.kind,
            self._first,
            geometry.coords,
            geometry.paths,
            geometry.polygons,
            geometry.multis,
            self._escape,
            begin,
            end,
            out,
        )


def _leads(part: Features, kinds: list[int]) -> tuple[U8, I64]:
    """What stands before, between and behind values, see `write_features`, and where each of it ends."""
    feature, geometry = b'{"type":"Feature",', b'"geometry":'
    texts = [feature + geometry] if part.ids is None else [feature + b'"id":', b"," + geometry]
    opening = b',"properties":{'
    for name in part.properties:
        texts.append(opening + orjson.dumps(name) + b":")
        opening = b","
    for place, kind in enumerate(kinds):
        texts[place] += OPENED.get(kind, b"")
    if part.id_lead:
        texts[0] += orjson.dumps(part.id_lead)[1:-1]
    texts.append((b"}}," if part.properties else opening + b"}},") + texts[0])
    for place, kind in enumerate(kinds):
        texts[place + 1] = CLOSED.get(kind, b"") + texts[place + 1]
    return padded(*texts), np.cumsum([len(text) for text in texts], dtype=np.int64)
