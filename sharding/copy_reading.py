"""COPY out: the rows of a query as Arrow columns, without a Python object for any row.

Knows which Arrow type stands for which column; the bytes themselves are `copy_fields`. Two types are
geometry: `POINT` and `LINE`, flat float64 coordinates; any geometry can be had as `large_binary`, its EWKB.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from psycopg2 import extensions, sql

from compiling import B1, I32, U8
from sharding import copy_fields as fields
from sharding.cluster import ShardingError

SRID = 4326
POINT = pa.list_(pa.float64(), 2)
LINE = pa.large_list(POINT)
TEXT = pa.large_string()

_BLOCK_BYTES = 1 << 22
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER_BYTES = len(_SIGNATURE) + 8  # flags, and the length of an extension that nobody has


class UnreadableCopy(ShardingError):
    """The database sent rows that are not what was asked for."""


def copy_out(cursor: extensions.cursor, query: sql.Composable, columns: Mapping[str, Any]) -> pa.Table:
    """The rows of a query as an Arrow table.

    Parameters
    ----------
    columns
        Names the query's columns in order, with their Arrow types: `large_string` (text), `float64` (double
        precision), `int64` (bigint), `bool_` (boolean), `large_binary` (bytea or geometry), `POINT`, `LINE`.
        Points and lines are flat, in EPSG:4326, and never null.

    Raises
    ------
    UnreadableCopy
        A row has other columns, or a field is not what its type says; names the column and the row.
    """
    if cursor.connection.encoding != "UTF8":
        raise UnreadableCopy(
            f"the connection speaks {cursor.connection.encoding}; ask for it with client_encoding=UTF8"
        )
    rows = _Rows(columns)
    command = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)
    # The buffer takes each row in compiled code; this program's own runs once for each block.
    with io.BufferedWriter(rows, buffer_size=_BLOCK_BYTES) as blocks:
        cursor.copy_expert(command, blocks)
    return rows.table()


class _Rows(io.RawIOBase):
    """A file that turns the stream into columns while it is written, a block of any size at a time."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns = dict(columns)
        self._schema = pa.schema(list(columns.items()))
        self._held: U8 = np.empty(2 * _BLOCK_BYTES, np.uint8)
        self._used = 0
        most = _BLOCK_BYTES // (2 + 8 * len(columns)) + 1
        self._starts: I32 = np.empty((len(columns), most), np.int32)
        self._chunks: list[pa.Table] = []
        self._rows = 0
        self._begun = self._ended = self._failed = False

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        came = np.frombuffer(block, np.uint8)
        if self._failed:
            return int(came.size)  # already said; what is still on its way is of no interest
        try:
            self._take(came)
        except BaseException:
            self._failed = True
            raise
        return int(came.size)

    def table(self) -> pa.Table:
        """All rows; only when everything was written."""
        if self._used or not self._ended:
            raise UnreadableCopy(f"the rows ended too early, after {self._rows} whole ones")
        return pa.concat_tables(self._chunks) if self._chunks else self._schema.empty_table()

    def _take(self, came: U8) -> None:
        if self._used + came.size > self._held.size:  # a row larger than any so far
            larger: U8 = np.empty(2 * (self._used + came.size), np.uint8)
            larger[: self._used] = self._held[: self._used]
            self._held = larger
        self._held[self._used : self._used + came.size] = came
        self._used += came.size
        at = 0
        if not self._begun:
            if self._used < _HEADER_BYTES:
                return
            self._check_header(self._held[:_HEADER_BYTES].tobytes())
            at, self._begun = _HEADER_BYTES, True
        while not self._ended:
            rows, at, stopped = fields.find_fields(self._held, at, self._used, self._starts)
            if rows:
                self._chunks.append(self._read(rows))
                self._rows += rows
            if stopped == fields.WRONG_COUNT:
                count = int.from_bytes(self._held[at : at + 2].tobytes(), "big", signed=True)
                expected = len(self._columns)
                raise UnreadableCopy(f"row {self._rows} has {count} columns where {expected} were asked for")
            if stopped == fields.WRONG_LENGTH:
                raise UnreadableCopy(f"row {self._rows} has a field of impossible length")
            self._ended = stopped == fields.ENDED
            if rows < self._starts.shape[1]:
                break
        if self._ended and at < self._used:
            raise UnreadableCopy(f"{self._used - at} bytes came after the end of the rows")
        self._held[: self._used - at] = self._held[at : self._used].copy()
        self._used -= at

    @staticmethod
    def _check_header(header: bytes) -> None:
        if header != _SIGNATURE + bytes(8):
            raise UnreadableCopy(f"what came is not COPY in its binary format: it begins with {header!r}")

    def _read(self, rows: int) -> pa.Table:
        arrays = []
        for column, (name, type_) in enumerate(self._columns.items()):
            arrays.append(_READERS[type_](self._held, self._starts[column, :rows], self._fault(name)))
        return pa.Table.from_arrays(arrays, schema=self._schema)

    def _fault(self, name: str) -> Callable[[int, str], None]:
        def refuse(row: int, what: str) -> None:
            if row >= 0:
                raise UnreadableCopy(f"column {name}, row {self._rows + row}: {what}")

        return refuse


Refuse = Callable[[int, str], None]


def _bits(valid: B1) -> tuple[Any, int]:
    """The validity buffer of an Arrow array, and how many are null."""
    nulls = int(valid.size - np.count_nonzero(valid))
    return (pa.py_buffer(np.packbits(valid, bitorder="little")) if nulls else None), nulls


def _eights(type_: Any) -> Callable[[U8, I32, Refuse], Any]:
    def read(stream: U8, starts: I32, refuse: Refuse) -> Any:
        valid = np.empty(starts.size, np.bool_)
        out = np.zeros(starts.size, np.uint64)
        refuse(fields.read_eights(stream, starts, valid, out), f"not eight bytes, as {type_} has")
        bits, nulls = _bits(valid)
        return pa.Array.from_buffers(type_, starts.size, [bits, pa.py_buffer(out)], nulls)

    return read


def _truths(stream: U8, starts: I32, refuse: Refuse) -> Any:
    valid, out = np.empty(starts.size, np.bool_), np.empty(starts.size, np.bool_)
    refuse(fields.read_truths(stream, starts, valid, out), "not a truth value")
    bits, nulls = _bits(valid)
    packed = pa.py_buffer(np.packbits(out, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), starts.size, [bits, packed], nulls)


def _bytes(type_: Any) -> Callable[[U8, I32, Refuse], Any]:
    def read(stream: U8, starts: I32, refuse: Refuse) -> Any:
        valid = np.empty(starts.size, np.bool_)
        offsets = np.empty(starts.size + 1, np.int64)
        fields.read_offsets(stream, starts, valid, offsets)
        out = np.empty(offsets[-1], np.uint8)
        fields.read_bytes(stream, starts, offsets, out)
        bits, nulls = _bits(valid)
        return pa.Array.from_buffers(
            type_, starts.size, [bits, pa.py_buffer(offsets), pa.py_buffer(out)], nulls
        )

    return read


def _points(stream: U8, starts: I32, refuse: Refuse) -> Any:
    out = np.empty((starts.size, 2))
    row = fields.read_points(stream, starts, SRID, out, out.view(np.uint8).reshape(-1))
    refuse(row, f"not a flat point in EPSG:{SRID}")
    return _pairs(out)


def _lines(stream: U8, starts: I32, refuse: Refuse) -> Any:
    offsets = np.empty(starts.size + 1, np.int64)
    row = fields.read_line_offsets(stream, starts, SRID, offsets)
    refuse(row, f"not a flat line string in EPSG:{SRID}")
    coords = np.empty((offsets[-1], 2))
    fields.read_line_coords(stream, starts, offsets, coords.view(np.uint8).reshape(-1))
    return pa.LargeListArray.from_arrays(pa.array(offsets), _pairs(coords))


def _pairs(coords: npt.NDArray[np.float64]) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(coords.reshape(-1)), type=POINT)


_READERS: dict[Any, Callable[[U8, I32, Refuse], Any]] = {
    TEXT: _bytes(TEXT),
    pa.large_binary(): _bytes(pa.large_binary()),
    pa.float64(): _eights(pa.float64()),
    pa.int64(): _eights(pa.int64()),
    pa.bool_(): _truths,
    POINT: _points,
    LINE: _lines,
}
