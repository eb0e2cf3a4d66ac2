"""Columns that grow block by block, in Arrow's memory, and become Arrow arrays.

Knows which Arrow type stands for which fields; the bytes themselves are `copy_fields`. Two types are
geometry: `POINT` and `LINE`, flat float64 coordinates; any geometry can be had as `large_binary`, its EWKB.

What is more than one block lies in memory asked of the system for this column alone. It grows without being
copied, since the system moves pages by their addresses; what was asked for and never touched is no memory.
"""

from __future__ import annotations

import mmap
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

_LEAST_BYTES = 1 << 20

Refuse = Callable[[int, str], None]
"""Told the first row that is at fault (-1: none) and what it is not, raises."""


class Column(Protocol):
    """A column on its way from blocks of rows to one array."""

    def take(self, stream: U8, starts: I32, refuse: Refuse) -> None:
        """Append the fields of a block, see `copy_fields`."""

    def array(self) -> Any:
        """All that was taken; the last thing asked of it."""


class _Growing:
    """An array that grows at its end, a block at a time, where it lies."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self._room: npt.NDArray[Any] = np.empty(0, self._dtype)
        self._memory: mmap.mmap | None = None
        self._count = 0

    def more(self, count: int) -> npt.NDArray[Any]:
        """Room for `count` more items; must be let go of before the next are asked for."""
        return self.more_and_spare(count)[:count]

    def more_and_spare(self, count: int) -> npt.NDArray[Any]:
        """Room for `count` more items, and at least `STRIDE` bytes behind it that may be written to."""
        begin, end = self._count, self._count + count + STRIDE // self._dtype.itemsize
        if end > self._room.size:
            self._enlarge(end)
        self._count += count
        return self._room[begin:end]

    def items(self) -> npt.NDArray[Any]:
        """All of them in one piece."""
        return self._room[: self._count]

    def _enlarge(self, items: int) -> None:
        if not self._count:
            self._room = np.empty(items, self._dtype)  # the only block of most columns
            return
        size = max(_LEAST_BYTES, 1 << (items * self._dtype.itemsize - 1).bit_length())
        before, self._room = self._room, np.empty(0, self._dtype)
        if self._memory is None:
            self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            self._room = np.frombuffer(self._memory, self._dtype)
            self._room[: self._count] = before[: self._count]
            return
        del before  # the system moves no memory that somebody looks at
        self._memory.resize(size)
        self._room = np.frombuffer(self._memory, self._dtype)

    def buffer(self) -> Any:
        """All of them, as Arrow takes it."""
        return pa.py_buffer(self.items())


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
        self._ends, self._last = _begun(), 0

    def take(self, stream: U8, starts: I32, _: Refuse) -> None:
        first, ends = self._last, self._ends.more(starts.size)
        fields.read_ends(stream, starts, self._valid.more(starts.size), first, ends)
        self._last = int(ends[-1])
        fields.read_bytes(stream, starts, first, ends, self._data.more_and_spare(self._last - first))

    def array(self) -> Any:
        bits, nulls = _bits(self._valid)
        buffers = [bits, self._ends.buffer(), self._data.buffer()]
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
        self._ends, self._coords = _begun(), _Growing(np.float64)
        self._last = 0

    def take(self, stream: U8, starts: I32, refuse: Refuse) -> None:
        first, ends = self._last, self._ends.more(starts.size)
        row = fields.read_line_ends(stream, starts, SRID, first, ends)
        refuse(row, f"not a flat line string in EPSG:{SRID}")
        self._last = int(ends[-1])
        out = self._coords.more(2 * (self._last - first))
        fields.read_line_coords(stream, starts, first, ends, out.view(np.uint8))

    def array(self) -> Any:
        length = self._ends.items().size - 1
        buffers = [None, self._ends.buffer()]
        return pa.Array.from_buffers(LINE, length, buffers, 0, children=[_pairs(self._coords)])


def _begun() -> _Growing:
    """Where the items of a column begin among their parts, and where the last one ends."""
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
