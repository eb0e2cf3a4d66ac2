"""Points and lines in well-known binary, read flat and compiled: which are plain, and their coordinates.

Plain is what nearly every file holds: little-endian, two dimensions, finite lon/lat within range, at least
two points in a line. Whatever else a geometry may be is left to a parser that can say what is wrong with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compiling import B1, F64, I64, U8, compiled

POINT, LINE = 1, 2
_POINT_BYTES, _LINE_HEAD, _PAIR = 21, 9, 16
_EAST, _NORTH = 180.0, 90.0


@compiled
def _double(data: U8, at: int) -> float:
    bits = np.uint64(0)
    for k in range(8):
        bits |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return np.uint64(bits).view(np.float64)


@compiled
def _points_of(data: U8, at: int, length: int, kind: int) -> int:
    """How many points a plain geometry of that kind has at this place, -1 where it is not plain."""
    if length < _LINE_HEAD or data[at] != 1 or data[at + 1] != kind:
        return -1
    if data[at + 2] != 0 or data[at + 3] != 0 or data[at + 4] != 0:
        return -1
    if kind == POINT:
        return 1 if length == _POINT_BYTES else -1
    count = int(data[at + 5]) | int(data[at + 6]) << 8 | int(data[at + 7]) << 16 | int(data[at + 8]) << 24
    return count if count >= 2 and length == _LINE_HEAD + _PAIR * count else -1


@compiled
def _find_plain(offsets: I64, data: U8, kind: int, plain: B1) -> None:
    for row in range(len(plain)):
        at = offsets[row]
        count = _points_of(data, at, offsets[row + 1] - at, kind)
        plain[row] = count > 0
        at += _POINT_BYTES - _PAIR if kind == POINT else _LINE_HEAD
        for k in range(count):
            x, y = _double(data, at + _PAIR * k), _double(data, at + _PAIR * k + 8)
            # written so that NaN is not within
            if not (abs(x) <= _EAST and abs(y) <= _NORTH):
                plain[row] = False
                break


@compiled
def _coordinates(offsets: I64, data: U8, kind: int, first: I64, coords: F64) -> None:
    for row in range(len(offsets) - 1):
        at = offsets[row] + (_POINT_BYTES - _PAIR if kind == POINT else _LINE_HEAD)
        for place in range(first[row], first[row + 1]):
            coords[place, 0] = _double(data, at)
            coords[place, 1] = _double(data, at + 8)
            at += _PAIR


def plain_rows(column: Any, kind: int) -> npt.NDArray[np.bool_]:
    """Which rows of a `large_binary` array are plain points or lines, bool `(n,)`; null is not."""
    offsets, data = binary_buffers(column)
    plain: B1 = np.empty(len(column), dtype=np.bool_)
    _find_plain(offsets, data, kind, plain)
    return plain


def plain_points(column: Any) -> npt.NDArray[np.float64]:
    """The coordinates of plain points, float64 `(n, 2)`."""
    offsets, data = binary_buffers(column)
    coords: F64 = np.empty((len(column), 2))
    _coordinates(offsets, data, POINT, np.arange(len(column) + 1), coords)
    return coords


def plain_lines(column: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The coordinates of plain lines: offsets int64 `(n + 1,)` into float64 `(m, 2)`."""
    offsets, data = binary_buffers(column)
    first: I64 = np.zeros(len(column) + 1, dtype=np.int64)
    np.cumsum((np.diff(offsets) - _LINE_HEAD) // _PAIR, out=first[1:])
    coords: F64 = np.empty((int(first[-1]), 2))
    _coordinates(offsets, data, LINE, first, coords)
    return first, coords


def binary_buffers(column: Any) -> tuple[I64, U8]:
    """Offsets int64 `(n + 1,)` and bytes of an array of `large_string` or `large_binary`, not copied."""
    if len(column) == 0:
        return _read_only(np.zeros(1, dtype=np.int64)), _NOTHING
    _, starts, data = column.buffers()
    offsets = np.frombuffer(starts, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    return _read_only(offsets), _NOTHING if data is None else _read_only(np.frombuffer(data, dtype=np.uint8))


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array as one that cannot be written to: the kernels are compiled for that alone."""
    view = array.view()
    view.setflags(write=False)
    return view


_NOTHING: U8 = _read_only(np.empty(0, dtype=np.uint8))


def large_binary(column: Any) -> Any:
    """A binary column, chunked or not, as one array of `large_binary`."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column.cast(pa.large_binary())
