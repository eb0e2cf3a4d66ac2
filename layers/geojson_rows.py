"""Features as JSON text, compiled: row after row out of flat arrays, without an object for any of them.

Trusts that the arrays fit together and that `out` has the room that `geojson_writer` worked out.
"""

from __future__ import annotations

import numpy as np

from compiling import F64, I64, U8, borrowing
from compiling.moving import STRIDE, move
from layers.geojson_numbers import write_coordinate, write_double, write_integer, write_null

GEOMETRY, PLACE, TEXT, WORD, CODED, DOUBLE, INTEGER, TRUTH = range(8)
"""Kinds of columns, see `write_features`."""

OPENED = {PLACE: b'{"type":"Point","coordinates":[', TEXT: b'"', WORD: b'"'}
CLOSED = {PLACE: b"]}", TEXT: b'"', WORD: b'"'}
"""What stands around each value of these kinds, whatever it is: leads bring it along."""

POINT, LINE, POLYGON, MULTIPOLYGON, NOWHERE, MULTILINE = range(6)
"""Kinds of geometry; NOWHERE has none."""


def padded(*pieces: bytes | U8) -> U8:
    """Pieces of text one after another, and after them the bytes that a moving copy may read as well."""
    return np.concatenate([np.frombuffer(one, dtype=np.uint8) for one in (*pieces, bytes(STRIDE))])


def _escapes() -> U8:
    """For each byte: 0 as it is, `u` as a number, or the letter after the backslash (RFC 8259, section 7)."""
    table = np.zeros(256, dtype=np.uint8)
    table[:32] = ord("u")
    for byte, letter in {8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 34: '"', 92: "\\"}.items():
        table[byte] = ord(letter)
    return table


_ESCAPES = _escapes()
_HEXADECIMAL = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_TRUE, _FALSE = padded(b"true"), padded(b"false")
_POINT = padded(b'{"type":"Point","coordinates":')
_LINE = padded(b'{"type":"LineString","coordinates":')
_POLYGON = padded(b'{"type":"Polygon","coordinates":')
_MULTILINE = padded(b'{"type":"MultiLineString","coordinates":')
_MULTIPOLYGON = padded(b'{"type":"MultiPolygon","coordinates":')
_OPEN, _CLOSE, _COMMA, _QUOTE = np.uint8(91), np.uint8(93), np.uint8(44), np.uint8(34)
_BRACE, _BACKSLASH, _ZERO, _SPACE = np.uint8(125), np.uint8(92), np.uint8(48), np.uint8(32)


@borrowing
def _copy(out: U8, at: int, source: U8, start: int, end: int) -> int:
    done = at + end - start
    while start < end:
        move(out, at, source, start)
        start += STRIDE
        at += STRIDE
    return done


@borrowing
def _literal(out: U8, at: int, text: U8) -> int:
    return _copy(out, at, text, 0, len(text) - STRIDE)


@borrowing
def _write_escaped(out: U8, at: int, source: U8, start: int, end: int) -> int:
    for place in range(start, end):
        byte = source[place]
        letter = _ESCAPES[byte]
        if letter == 0:
            out[at] = byte
            at += 1
            continue
        out[at] = _BACKSLASH
        out[at + 1] = letter
        at += 2
        if letter == 117:
            out[at] = _ZERO
            out[at + 1] = _ZERO
            out[at + 2] = _HEXADECIMAL[byte >> 4]
            out[at + 3] = _HEXADECIMAL[byte & 15]
            at += 4
    return at


@borrowing
def needs_escapes(pool: U8) -> bool:
    """Whether any text of a padded pool holds what JSON must escape."""
    found = False
    for byte in pool[: len(pool) - STRIDE]:
        found |= (byte < _SPACE) | (byte == _QUOTE) | (byte == _BACKSLASH)
    return found


@borrowing
def _write_text(out: U8, at: int, pool: U8, start: int, end: int, escape: bool) -> int:
    """A text without its quotes."""
    return _write_escaped(out, at, pool, start, end) if escape else _copy(out, at, pool, start, end)


@borrowing
def _write_pair(out: U8, at: int, x: float, y: float) -> int:
    at = write_coordinate(out, at, x)
    out[at] = _COMMA
    return write_coordinate(out, at + 1, y)


@borrowing
def _write_position(out: U8, at: int, x: float, y: float) -> int:
    out[at] = _OPEN
    at = _write_pair(out, at + 1, x, y)
    out[at] = _CLOSE
    return at + 1


@borrowing
def _write_path(out: U8, at: int, coords: F64, start: int, end: int) -> int:
    out[at] = _OPEN
    at += 1
    for place in range(start, end):
        at = _write_position(out, at, coords[place, 0], coords[place, 1])
        out[at] = _COMMA
        at += 1
    out[at - 1] = _CLOSE
    return at


@borrowing
def _write_rings(out: U8, at: int, coords: F64, paths: I64, start: int, end: int) -> int:
    out[at] = _OPEN
    at += 1
    for ring in range(start, end):
        at = _write_path(out, at, coords, paths[ring], paths[ring + 1])
        out[at] = _COMMA
        at += 1
    out[at - 1] = _CLOSE
    return at


@borrowing
def _finite(coords: F64, start: int, end: int) -> bool:
    for place in range(start, end):
        if not (np.isfinite(coords[place, 0]) and np.isfinite(coords[place, 1])):
            return False
    return start < end


@borrowing
def _write_geometry(
    out: U8, at: int, kind: int, row: int, coords: F64, paths: I64, polygons: I64, multis: I64
) -> int:
    """`null` where it has no coordinates (RFC 7946, section 3.1, takes both for one), or one is no number."""
    start, end = row, row + 1
    if kind == NOWHERE:
        return write_null(out, at)
    if kind == MULTIPOLYGON:
        start, end = multis[start], multis[end]
    if kind in (MULTIPOLYGON, POLYGON, MULTILINE):
        start, end = polygons[start], polygons[end]
    if kind != POINT:
        start, end = paths[start], paths[end]
    if not _finite(coords, start, end):
        return write_null(out, at)
    if kind == POINT:
        at = _literal(out, at, _POINT)
        at = _write_position(out, at, coords[row, 0], coords[row, 1])
    elif kind == LINE:
        at = _literal(out, at, _LINE)
        at = _write_path(out, at, coords, start, end)
    elif kind == POLYGON:
        at = _literal(out, at, _POLYGON)
        at = _write_rings(out, at, coords, paths, polygons[row], polygons[row + 1])
    elif kind == MULTILINE:
        at = _literal(out, at, _MULTILINE)
        at = _write_rings(out, at, coords, paths, polygons[row], polygons[row + 1])
    else:
        at = _literal(out, at, _MULTIPOLYGON)
        out[at] = _OPEN
        at += 1
        for polygon in range(multis[row], multis[row + 1]):
            at = _write_rings(out, at, coords, paths, polygons[polygon], polygons[polygon + 1])
            out[at] = _COMMA
            at += 1
        out[at - 1] = _CLOSE
    out[at] = _BRACE
    return at + 1


@borrowing
def write_features(
    kinds: I64,
    values: I64,
    known: U8,
    words: I64,
    pool: U8,
    leads: U8,
    lead_ends: I64,
    geometry: int,
    first_row: int,
    coords: F64,
    paths: I64,
    polygons: I64,
    multis: I64,
    escape: bool,
    begin: int,
    end: int,
    out: U8,
) -> int:
    """The features from row `begin` until `end`, a comma after each; the number of bytes written.

    Parameters
    ----------
    kinds
        Kind of each column in the order of writing, int64 `(c,)`; one of them is a GEOMETRY or a PLACE, which
        is a point with finite coordinates.
    values
        int64 `(c, n + 1)`. TEXT: offsets into `pool`. CODED: rows of `words`, negative for null; WORD: the
        same, never null. DOUBLE: the bits. INTEGER, TRUTH: the value. Of these, the last column is not read.
    known
        uint8 `(c, n)`: 0 where an INTEGER or a TRUTH is null.
    words
        int64 `(w, 2)`: where each word of coded columns begins and ends in `pool`.
    pool, leads
        Text, with room to read on behind it. `leads` is what stands before the first value of the first
        feature, and then what stands behind each value and before the next one, that of the next feature
        behind the last; each ends at its `lead_ends`, int64 `(c + 1,)`. What is OPENED and CLOSED is in it.
    geometry, first_row, coords, paths, polygons, multis
        Kind of geometry; the place of the first feature in the outermost of the arrays: coordinates
        float64 `(m, 2)`, and offsets of paths into coordinates, polygons into paths, multis into polygons.
    escape
        Whether `needs_escapes` found any in the pool.
    """
    at = _copy(out, 0, leads, 0, lead_ends[0])
    for row in range(begin, end):
        lead = lead_ends[0]
        for column in range(len(kinds)):
            kind, value = kinds[column], values[column, row]
            if kind == TEXT:
                at = _write_text(out, at, pool, value, values[column, row + 1], escape)
            elif kind == WORD:
                at = _write_text(out, at, pool, words[value, 0], words[value, 1], escape)
            elif kind == PLACE:
                place = first_row + row
                at = _write_pair(out, at, coords[place, 0], coords[place, 1])
            elif kind == GEOMETRY:
                at = _write_geometry(out, at, geometry, first_row + row, coords, paths, polygons, multis)
            elif kind == DOUBLE:
                at = write_double(out, at, value)
            elif kind == CODED and value >= 0:
                out[at] = _QUOTE
                at = _write_text(out, at + 1, pool, words[value, 0], words[value, 1], escape)
                out[at] = _QUOTE
                at += 1
            elif kind == CODED or known[column, row] == 0:
                at = write_null(out, at)
            elif kind == INTEGER:
                at = write_integer(out, at, value)
            elif value != 0:
                at = _literal(out, at, _TRUE)
            else:
                at = _literal(out, at, _FALSE)
            at = _copy(out, at, leads, lead, lead_ends[column + 1])
            lead = lead_ends[column + 1]
    return at - int(lead_ends[0])
