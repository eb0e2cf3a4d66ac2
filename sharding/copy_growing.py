"""Columns that grow block by block, in Arrow's memory, and become Arrow arrays without another copy.

Knows which Arrow type stands for which fields; the bytes themselves are `copy_fields`. Two types are geometry:
`POINT` and `LINE`, flat float64 coordinates; any geometry can be had as `large_binary`, its EWKB.

Arrow keeps what was freed for the next column; memory of the system's own would have to be touched for the
first time again, which costs more than the reading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compiling import B1, I32, U8
from compiling.moving import STRIDE
from sharding import copy_fields as fields

SRID = 4326
POINT = pa.list_(pa.float64(), 2)
LINE = pa.large_list(POINT)
TEXT = pa.large_string()

_GROWTH = 8  # what is reserved and never written to costs no memory
Refuse = Callable[[int, str], None]
"""Told the first row that is at fault (-1: none) and what it is not, raises."""


class Column(Protocol):
    """A column on its way from blocks of rows to one array."""

    def take(self, stream: U8, starts: I32, refuse: Refuse) -> None:
        """Append the fields of a block, see `copy_fields`."""

    def array(self) -> Any:
        """All that was taken; the last thing asked of it."""


class _Growing:
    """An array that grows at its end, with `STRIDE` bytes more than it needs."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self._buffer: Any = None
        self._used = 0

    def more(self, count: int, *, again: int = 0) -> npt.NDArray[Any]:
        """Room for `count` more items, behind the last `again` ones; to be written before the next call."""
        begin, self._used = self._used - again, self._used + count
        needed = self._used * self._dtype.itemsize + STRIDE
        if self._buffer is None:
            self._buffer = pa.allocate_buffer(needed, resizable=True)
        elif needed > self._buffer.size:
            self._buffer.resize(max(needed, _GROWTH * self._buffer.size))
        return np.frombuffer(self._buffer, self._dtype, self._used)[begin:]

    def more_bytes(self, count: int) -> U8:
        """`more` of an array of bytes, and the spare ones behind it."""
        begin = self._used
        self.more(count)
        return np.frombuffer(self._buffer, np.uint8, self._used + STRIDE)[begin:]

    def items(self) -> npt.NDArray[Any]:
        """All of them."""
        return np.frombuffer(self._buffer, self._dtype, self._used)

    def buffer(self) -> Any:
        """All of them, as Arrow takes it."""
        return self._buffer.slice(0, self._used * self._dtype.itemsize)


class _Numbers:
    """Fields of eight bytes."""

    def __init__(self, kind: Any) -> None:
        self._kind, self._valid, self._values = kind, _Growing(np.bool_), _Growing(np.uint64)

    def take(self, stream: U8, starts: I32, refuse: Refuse) -> None:
        count = starts.size
        row = fields.read_eights(stream, starts, self._valid.more(count), self._values.more(count))
        refuse(row, f"not eight bytes, as {self._kind} has")

    def array(self) -> Any:
        bits, nulls = _bits(self._valid)
        buffers = [bits, self._values.buffer()]
        return pa.Array.from_buffers(self._kind, self._valid.items().size, buffers, nulls)


class _Truths:
    """Truth values."""

    def __init__(self) -> None:
        self._valid, self._values = _Growing(np.bool_), _Growing(np.bool_)

    def take(self, stream: U8, starts: I32, refuse: Refuse) -> None:
        count = starts.size
        row = fields.read_truths(stream, starts, self._valid.more(count), self._values.more(count))
        refuse(row, "not a truth value")

    def array(self) -> Any:
        bits, nulls = _bits(self._valid)
        buffers = [bits, _packed(self._values.items())]
        return pa.Array.from_buffers(pa.bool_(), self._valid.items().size, buffers, nulls)


class _Bytes:
    """Texts, and bytes of any other meaning."""

    def __init__(self, kind: Any) -> None:
        self._kind, self._valid, self._data = kind, _Growing(np.bool_), _Growing(np.uint8)
        self._offsets = _offsets()

    def take(self, stream: U8, starts: I32, refuse: Refuse) -> None:
        offsets = self._offsets.more(starts.size, again=1)
        fields.read_offsets(stream, starts, self._valid.more(starts.size), offsets)
        fields.read_bytes(stream, starts, offsets, self._data.more_bytes(int(offsets[-1] - offsets[0])))

    def array(self) -> Any:
        bits, nulls = _bits(self._valid)
        buffers = [bits, self._offsets.buffer(), self._data.buffer()]
        return pa.Array.from_buffers(self._kind, self._valid.items().size, buffers, nulls)


class _Points:
    """Flat points, none of them null."""

    def __init__(self) -> None:
        self._coords = _Growing(np.float64)

    def take(self, stream: U8, starts: I32, refuse: Refuse) -> None:
        out = self._coords.more(2 * starts.size)
        row = fields.read_points(stream, starts, SRID, out.reshape(-1, 2), out.view(np.uint8))
        refuse(row, f"not a flat point in EPSG:{SRID}")

    def array(self) -> Any:
        return _pairs(self._coords)


class _Lines:
    """Flat line strings, none of them null."""

    def __init__(self) -> None:
        self._offsets, self._coords = _offsets(), _Growing(np.float64)

    def take(self, stream: U8, starts: I32, refuse: Refuse) -> None:
        offsets = self._offsets.more(starts.size, again=1)
        row = fields.read_line_offsets(stream, starts, SRID, offsets)
        refuse(row, f"not a flat line string in EPSG:{SRID}")
        out = self._coords.more(2 * int(offsets[-1] - offsets[0]))
        fields.read_line_coords(stream, starts, offsets, out.view(np.uint8))

    def array(self) -> Any:
        length = self._offsets.items().size - 1
        buffers = [None, self._offsets.buffer()]
        return pa.Array.from_buffers(LINE, length, buffers, 0, children=[_pairs(self._coords)])


def _offsets() -> _Growing:
    found = _Growing(np.int64)
    found.more(1)[0] = 0
    return found


def _bits(valid: _Growing) -> tuple[Any, int]:
    """The validity buffer of an Arrow array, and how many are null."""
    told: B1 = valid.items()
    nulls = int(told.size - np.count_nonzero(told))
    return (_packed(told) if nulls else None), nulls


def _packed(truths: B1) -> Any:
    return pa.py_buffer(np.packbits(truths, bitorder="little"))


def _pairs(coords: _Growing) -> Any:
    numbers = coords.items().size
    flat = pa.Array.from_buffers(pa.float64(), numbers, [None, coords.buffer()], 0)
    return pa.FixedSizeListArray.from_arrays(flat, type=POINT)


COLUMNS: dict[Any, Callable[[], Column]] = {
    TEXT: lambda: _Bytes(TEXT),
    pa.large_binary(): lambda: _Bytes(pa.large_binary()),
    pa.float64(): lambda: _Numbers(pa.float64()),
    pa.int64(): lambda: _Numbers(pa.int64()),
    pa.bool_(): _Truths,
    POINT: _Points,
    LINE: _Lines,
}
"""What takes a column of an Arrow type."""
