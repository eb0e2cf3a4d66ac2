"""COPY in: the rows of an Arrow table into a database table, put together by compiled code.

Knows which Arrow type becomes which field; the bytes themselves are `copy_fields`. The database's column must
be of the very type: text, double precision, bigint, boolean, timestamptz, or anything (a geometry, a range)
whose binary form stands ready in a binary column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from psycopg2 import extensions, sql

from compiling import B1, I64, U8
from sharding import copy_fields as fields
from sharding.deadlines import ShardingError

_ROWS_AT_ONCE = 2048  # a quarter of a megabyte, which the cache holds while column after column is put in
_ROWS_PREPARED = 65_536  # whose columns are made ready together: what each such time costs is spent seldom
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_EPOCH_US = 946_684_800_000_000  # PostgreSQL counts from 2000-01-01
_TIME = pa.timestamp("us", tz="UTC")
_TEXTS, _BYTES = (pa.string(), pa.large_string()), (pa.binary(), pa.large_binary())
_WRITTEN = (*_TEXTS, *_BYTES, pa.bool_(), pa.float64(), pa.int64(), _TIME)
_NO_OFFSETS: I64 = np.zeros(1, np.int64)
_NO_VALUES: U8 = np.frombuffer(b"", np.uint8)


class IncompleteCopy(ShardingError):
    """The database took other rows than it was given."""


def copy_in(cursor: extensions.cursor, table: sql.Composable, rows: pa.Table) -> None:
    """Append the rows of an Arrow table to a table with (at least) columns of those names.

    Geometry is given as (E)WKB in a binary column; without SRID it takes that of the database's column.

    Raises
    ------
    TypeError
        A column is of a type that is not written.
    IncompleteCopy
        The database counted other rows than were given: roll back.
    """
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, columns)
    cursor.copy_expert(command, _Stream(binary_rows(rows)))
    if cursor.rowcount != len(rows):
        raise IncompleteCopy(
            f"{cursor.rowcount} of {len(rows)} rows arrived in the database; nothing may stay"
        )


def binary_rows(rows: pa.Table) -> Iterator[bytes]:
    """The rows in COPY's binary format, a few thousand to a piece; TypeError as `copy_in`."""
    for name in rows.column_names:
        kind = rows.schema.field(name).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if kind not in _WRITTEN:
            raise TypeError(f"column {name} is of type {kind}, which is not written to the database")
    return _pieces(rows)


def _pieces(rows: pa.Table) -> Iterator[bytes]:
    yield _HEADER
    for batch in rows.to_batches(max_chunksize=_ROWS_PREPARED):
        yield from _written([_column(values) for values in batch.columns], batch.num_rows)
    yield _TRAILER


class _Stream:
    """Pieces of bytes as the file that psycopg2 reads; it takes each as it comes, of whatever size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1) -> bytes:
        return next(self._pieces, b"")

    readline = read


class _Column(NamedTuple):
    """One column of a batch: which rows are not null, how wide a field is, and what writes some of them."""

    valid: B1
    offsets: I64
    width: int
    put: Callable[[U8, I64, slice], None]


def _written(columns: list[_Column], rows: int) -> Iterator[bytes]:
    """The rows of a batch, piece by piece; no piece is empty, which would be the end."""
    sizes: I64 = np.full(rows, 2, np.int64)
    for column in columns:
        fields.add_lengths(sizes, column.valid, column.offsets, column.width)
    out: U8 = np.empty(0, np.uint8)
    for first in range(0, rows, _ROWS_AT_ONCE):
        some = slice(first, min(first + _ROWS_AT_ONCE, rows))
        length = int(sizes[some].sum())
        if out.size < length:
            out = np.empty(length, np.uint8)
        at: I64 = np.empty(some.stop - first, np.int64)
        fields.begin_rows(out, sizes[some], len(columns), at)
        for column in columns:
            column.put(out, at, some)
        yield out[:length].tobytes()


def _column(values: Any) -> _Column:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    valid = _valid(values)
    if kind in (*_TEXTS, *_BYTES):
        offsets, data = _bytes(values)
        return _Column(
            valid,
            offsets,
            0,
            lambda out, at, some: fields.put_bytes(
                out, at, valid[some], offsets[some.start : some.stop + 1], data
            ),
        )
    if kind == pa.bool_():
        truths = np.array(values.fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
        return _Column(
            valid, _NO_OFFSETS, 1, lambda out, at, some: fields.put_truths(out, at, valid[some], truths[some])
        )
    if kind == _TIME:
        counted = np.array(values.cast(pa.int64()).fill_null(_EPOCH_US).to_numpy()) - _EPOCH_US
    else:
        counted = np.array(values.fill_null(0).to_numpy())
    bits = counted.view(np.uint64)
    return _Column(
        valid, _NO_OFFSETS, 8, lambda out, at, some: fields.put_eights(out, at, valid[some], bits[some])
    )


def _valid(values: Any) -> B1:
    if not values.null_count:
        return np.ones(len(values), np.bool_)
    return np.array(values.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def _bytes(values: Any) -> tuple[I64, U8]:
    """Offsets and bytes, read-only, of a text or binary array, which may be a slice of another."""
    _, starts, data = values.buffers()
    if len(values) == 0 or starts is None:
        return np.zeros(len(values) + 1, np.int64), _NO_VALUES
    width = np.int64 if values.type in (pa.large_string(), pa.large_binary()) else np.int32
    offsets = np.frombuffer(starts, width)[values.offset : values.offset + len(values) + 1].astype(np.int64)
    held = _NO_VALUES if data is None else np.frombuffer(data, np.uint8)
    held.flags.writeable = False  # as it is where Arrow says so: one type of array to compile for
    return offsets, held
