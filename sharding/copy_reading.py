"""COPY out: the rows of a query as Arrow columns, without a Python object for any row.

Knows the blocks that the rows come in; how columns grow is `copy_growing`, where the bytes come from is
`copy_stream`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg2 import extensions, sql

from compiling import I32, U8
from sharding import copy_fields as fields
from sharding.copy_growing import COLUMNS
from sharding.copy_stream import SPARE, Source
from sharding.deadlines import ShardingError

_BLOCK_BYTES = 1 << 20
"""Of a block that is filled and then taken apart column by column: both stay in the processor's cache."""

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER_BYTES = len(_SIGNATURE) + 8  # flags, and the length of an extension that nobody has


class UnreadableCopy(ShardingError):
    """The database sent rows that are not what was asked for."""


def copy_out(cursor: extensions.cursor, query: sql.Composable, columns: Mapping[str, Any]) -> pa.Table:
    """The rows of a query as an Arrow table, every column in one piece.

    The interpreter's lock is held for moments only: threads with a connection each read side by side.

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
    with closing(Source(cursor.connection)) as source:
        cursor.copy_expert(command, _File(rows, source))
    return rows.table()


class _File:
    """What psycopg2 writes the first piece to, which then takes all others from libpq itself."""

    def __init__(self, rows: _Rows, source: Source) -> None:
        self._rows, self._source = rows, source

    def write(self, piece: bytes) -> int:
        self._rows.write(piece)
        self._rows.read_on(self._source)
        return len(piece)


class _Rows:
    """Turns the stream of a COPY into columns, pieces of any size at a time."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._schema = pa.schema(list(columns.items()))
        self._columns = {name: COLUMNS[kind]() for name, kind in columns.items()}
        self._held: U8 = np.empty(_BLOCK_BYTES + SPARE, np.uint8)
        self._used = 0
        most = _BLOCK_BYTES // (2 + 8 * len(columns)) + 1
        self._starts: I32 = np.empty((len(columns), most), np.int32)
        self._rows = 0
        self._begun = self._ended = False

    def write(self, piece: bytes) -> None:
        """Take what psycopg2 gives."""
        self._make_room(len(piece) + SPARE)
        self._held[self._used : self._used + len(piece)] = np.frombuffer(piece, np.uint8)
        self._used += len(piece)
        self._take()

    def read_on(self, source: Source) -> None:
        """Take all pieces to the end of the rows, or until the connection is lost."""
        while not (self._ended or source.lost):
            filled = source.fill(self._held, self._used)
            if filled == self._used and not source.lost:
                self._make_room(source.needs)
            self._used = filled
            self._take()

    def table(self) -> pa.Table:
        """All rows; only when everything was written."""
        if self._used or not self._ended:
            raise UnreadableCopy(f"the rows ended too early, after {self._rows} whole ones")
        if not self._rows:
            return self._schema.empty_table()
        return pa.Table.from_arrays([one.array() for one in self._columns.values()], schema=self._schema)

    def _make_room(self, more: int) -> None:
        """For a piece larger than any so far, beyond what is used."""
        if self._used + more > self._held.size:
            larger: U8 = np.empty(2 * (self._used + more), np.uint8)
            larger[: self._used] = self._held[: self._used]
            self._held = larger

    def _take(self) -> None:
        at = 0
        if not self._begun:
            if self._used < _HEADER_BYTES:
                return
            self._check_header(self._held[:_HEADER_BYTES].tobytes())
            at, self._begun = _HEADER_BYTES, True
        while not self._ended:
            rows, at, stopped = fields.find_fields(self._held, at, self._used, self._starts)
            for place, (name, column) in enumerate(self._columns.items() if rows else ()):
                column.take(self._held, self._starts[place, :rows], self._fault(name))
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

    def _fault(self, name: str) -> Callable[[int, str], None]:
        def refuse(row: int, what: str) -> None:
            if row >= 0:
                raise UnreadableCopy(f"column {name}, row {self._rows + row}: {what}")

        return refuse
