"""The bytes of `COPY … (FORMAT binary)` taken apart and put together, field by field, compiled.

Knows the format: a row is a count of its fields, then each field its length (-1: null) and its bytes, all in
network order; a geometry's bytes are little-endian EWKB. Refuses to know columns, tables and Arrow.

The reading functions take `starts`, the position of one column's field in each row (-1: null), and `valid`,
which they fill. They give the first row that does not hold what it should, -1 where all do; they touch
`O(bytes of the column)`. Behind the last row `stream` has `STRIDE` bytes more, which are read and not used.

The writing functions put numbers into slices: counted from a slice's own begin, a position is never negative,
which spares each byte a test and makes the loops three times as quick. Texts are moved many bytes at a time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from compiling import B1, F64, I32, I64, U8, U64, compiled
from compiling.moving import STRIDE, copy_exactly, move
from compiling.words import little_32, network_32, network_64

COMPLETE, ENDED, WRONG_COUNT, WRONG_LENGTH = 0, 1, 2, 3
"""What `find_fields` came upon: all rows that were there; the end; a row of other fields; no such length."""

_POINT_BYTES, _LINE_HEAD = 25, 13
_HAS_SRID = 0x20000000


@compiled
def find_fields(stream: U8, begin: int, end: int, starts: I32) -> tuple[int, int, int]:
    """Where the fields of the whole rows between `begin` and `end` lie, as far as `starts` has room.

    Parameters
    ----------
    starts
        int32 `(columns, most rows)`, filled: the first byte of each field, -1 for null.

    Returns
    -------
    The rows found, where the next one begins, and what stopped the search.
    """
    columns, most = starts.shape
    rows = 0
    at = begin
    while rows < most and at + 2 <= end:
        count = np.int16((np.uint16(stream[at]) << np.uint16(8)) | np.uint16(stream[at + 1]))
        if count == -1:
            return rows, at + 2, ENDED
        if count != columns:
            return rows, at, WRONG_COUNT
        field = at + 2
        for column in range(columns):
            if field + 4 > end:
                return rows, at, COMPLETE
            length = network_32(stream, field)
            field += 4
            if length < 0:
                if length != -1:
                    return rows, at, WRONG_LENGTH
                starts[column, rows] = -1
                continue
            if field + length > end:
                return rows, at, COMPLETE
            starts[column, rows] = field
            field += length
        at = field
        rows += 1
    return rows, at, COMPLETE


@compiled
def read_eights(stream: U8, starts: I32, valid: B1, out: U64) -> int:
    """Fields of eight bytes; nulls become zero."""
    for row in range(starts.size):
        at = starts[row]
        valid[row] = at >= 0
        if at < 0:
            out[row] = 0
            continue
        if network_32(stream, at - 4) != 8:
            return row
        out[row] = network_64(stream, at)
    return -1


@compiled
def read_truths(stream: U8, starts: I32, valid: B1, out: B1) -> int:
    """Truth values; nulls become False."""
    for row in range(starts.size):
        at = starts[row]
        valid[row] = at >= 0
        out[row] = False
        if at < 0:
            continue
        if network_32(stream, at - 4) != 1 or stream[at] > 1:
            return row
        out[row] = stream[at] == 1
    return -1


@compiled
def read_ends(stream: U8, starts: I32, valid: B1, first: int, ends: I64) -> int:
    """Where each field will end among the bytes of its column, the first one beginning at `first`.

    Nulls are empty. Never finds fault.
    """
    end = first
    for row in range(starts.size):
        at = starts[row]
        valid[row] = at >= 0
        if at >= 0:
            end += network_32(stream, at - 4)
        ends[row] = end
    return -1


@compiled
def read_bytes(stream: U8, starts: I32, first: int, ends: I64, out: U8) -> None:
    """The bytes of a column, one field after another; `out` has `STRIDE` bytes to spare behind the last."""
    into = 0
    for row in range(starts.size):
        end, at = int(ends[row]) - first, int(starts[row])
        while into < end:
            move(out, into, stream, at)
            into += STRIDE
            at += STRIDE
        into = end


@compiled
def _is_geometry(stream: U8, at: int, kind: int, srid: int) -> bool:
    """Whether EWKB begins here: little-endian, of that kind, flat, with that SRID."""
    return bool(
        stream[at] == 1
        and little_32(stream, at + 1) == np.uint32(_HAS_SRID | kind)
        and little_32(stream, at + 5) == np.uint32(srid)
    )


@compiled
def read_points(stream: U8, starts: I32, srid: int, out: F64, raw: U8) -> int:
    """Points into `out` `(rows, 2)`, of which `raw` are the bytes; null and empty points are faults."""
    for row in range(starts.size):
        at = int(starts[row])
        if at < 0 or network_32(stream, at - 4) != _POINT_BYTES or not _is_geometry(stream, at, 1, srid):
            return row
        move(raw, 16 * row, stream, at + 9)
        if np.isnan(out[row, 0]) or np.isnan(out[row, 1]):
            return row
    return -1


@compiled
def read_line_ends(stream: U8, starts: I32, srid: int, first: int, ends: I64) -> int:
    """Where each line's coordinates end, those of the first beginning at `first`; null lines are faults."""
    end = first
    for row in range(starts.size):
        at = int(starts[row])
        if at < 0:
            return row
        length = network_32(stream, at - 4)
        if length < _LINE_HEAD or not _is_geometry(stream, at, 2, srid):
            return row
        points = int(little_32(stream, at + 9))
        if length != _LINE_HEAD + 16 * points:
            return row
        end += points
        ends[row] = end
    return -1


@compiled
def read_line_coords(stream: U8, starts: I32, first: int, ends: I64, raw: U8) -> None:
    """The coordinates of lines as the bytes of float64 `(points, 2)`."""
    point = 0
    for row in range(starts.size):
        at = int(starts[row]) + _LINE_HEAD
        while point < ends[row] - first:
            move(raw, 16 * point, stream, at)
            at += 16
            point += 1


@compiled
def _put_length(out: U8, at: int, length: int) -> None:
    bits, into = np.uint32(length), out[at : at + 4]
    into[0] = bits >> np.uint32(24)
    into[1] = (bits >> np.uint32(16)) & np.uint32(0xFF)
    into[2] = (bits >> np.uint32(8)) & np.uint32(0xFF)
    into[3] = bits & np.uint32(0xFF)


@compiled
def add_lengths(sizes: I64, valid: B1, offsets: I64, width: int) -> None:
    """Add one column to the size of each row: its length, and `width` bytes or those between `offsets`."""
    for row in range(sizes.size):
        sizes[row] += 4
        if valid[row]:
            sizes[row] += width if width > 0 else offsets[row + 1] - offsets[row]


@compiled
def begin_rows(out: U8, sizes: I64, columns: int, at: I64) -> None:
    """Write the number of fields at the head of each row; `at` becomes where its first field goes."""
    first = np.int64(0)
    for row in range(sizes.size):
        out[first] = columns >> 8
        out[first + 1] = columns & 0xFF
        at[row] = first + 2
        first += sizes[row]


@compiled
def put_eights(out: U8, at: I64, valid: B1, values: U64) -> None:
    """Write a column of eight bytes each and move `at` behind it."""
    for row in range(at.size):
        here = at[row]
        if not valid[row]:
            _put_length(out, here, -1)
            at[row] = here + 4
            continue
        _put_length(out, here, 8)
        into, bits = out[here + 4 : here + 12], values[row]
        for k in range(8):
            into[k] = (bits >> np.uint64(56 - 8 * k)) & np.uint64(0xFF)
        at[row] = here + 12


@compiled
def put_truths(out: U8, at: I64, valid: B1, values: B1) -> None:
    """Write a column of truth values and move `at` behind it."""
    for row in range(at.size):
        here = at[row]
        if not valid[row]:
            _put_length(out, here, -1)
            at[row] = here + 4
            continue
        _put_length(out, here, 1)
        out[here + 4] = 1 if values[row] else 0
        at[row] = here + 5


@compiled
def put_bytes(out: U8, at: I64, valid: B1, offsets: I64, data: npt.NDArray[np.uint8]) -> None:
    """Write a column of texts or other bytes and move `at` behind it."""
    for row in range(at.size):
        here = at[row]
        if not valid[row]:
            _put_length(out, here, -1)
            at[row] = here + 4
            continue
        size = int(offsets[row + 1] - offsets[row])
        _put_length(out, here, size)
        copy_exactly(out, int(here + 4), data, int(offsets[row]), int(offsets[row + 1]))
        at[row] = here + 4 + size
