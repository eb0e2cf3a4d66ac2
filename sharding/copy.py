"""COPY in and out: whole tables between PostgreSQL and Arrow or NumPy columns, without a Python row.

Knows the CSV form of COPY (an unquoted nothing is null, `""` is the empty text), and lines in hexadecimal
EWKB; knows nothing of which tables there are. Numbers keep every bit: both sides write the shortest text that
reads back the same.
"""

from __future__ import annotations

import binascii
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from psycopg2 import extensions, sql

_BLOCK_BYTES = 1 << 25
_ROWS_AT_ONCE = 50_000
_EWKB_LINE_HEADER = 13  # byte order, type with the SRID flag, SRID, number of points
_EWKB_LINE = bytes.fromhex("0102000020")


def copy_in(cursor: extensions.cursor, table: sql.Composable, rows: pa.Table) -> None:
    """Append the rows of an Arrow table to a table with (at least) columns of those names.

    Geometry is given as text: hexadecimal WKB, with or without SRID.
    """
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, columns)
    cursor.copy_expert(command, _CsvReader(rows), size=1 << 20)


def copy_out(cursor: extensions.cursor, query: sql.Composable, columns: Mapping[str, Any]) -> pa.Table:
    """The rows of a query as an Arrow table; `columns` names them in order, with their Arrow types."""
    blocks = _CsvBlocks(columns)
    cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query), blocks)
    return blocks.table()


def sorted_by(rows: pa.Table, *keys: str) -> pa.Table:
    """The rows in ascending order of text columns, compared by code point as Python compares `str`."""
    return rows.take(pc.sort_indices(rows, sort_keys=[(key, "ascending") for key in keys]))


def texts(column: Any, *, absent: str | None = "") -> npt.NDArray[np.object_]:
    """A text column as objects; nulls become `absent`, equal texts share one object."""
    if absent is not None:
        column = pc.fill_null(column, absent)
    return np.asarray(column.to_pandas(deduplicate_objects=True).to_numpy(dtype=object))


def floats(column: Any) -> npt.NDArray[np.float64]:
    """A number column; nulls become NaN."""
    return np.asarray(pc.fill_null(column, float("nan")).to_numpy(), dtype=np.float64)


def truths(column: Any) -> npt.NDArray[np.bool_]:
    """A truth column; nulls become False."""
    return np.asarray(pc.fill_null(column, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def lines(column: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Hexadecimal EWKB line strings as flat geometry: offsets `(n + 1,)` into coordinates `(m, 2)`."""
    hexadecimal = pa.array([], pa.large_string()) if len(column) == 0 else column.combine_chunks()
    if isinstance(hexadecimal, pa.ChunkedArray):
        hexadecimal = pa.concat_arrays(hexadecimal.chunks)
    hexadecimal = hexadecimal.cast(pa.large_string())
    _, starts, text = hexadecimal.buffers()
    if len(hexadecimal) == 0 or text is None:
        return np.zeros(1, dtype=np.int64), np.empty((0, 2))
    ends = np.frombuffer(starts, dtype=np.int64)[
        hexadecimal.offset : hexadecimal.offset + len(hexadecimal) + 1
    ]
    raw = np.frombuffer(binascii.unhexlify(memoryview(text)[ends[0] : ends[-1]]), dtype=np.uint8)
    ends = (ends - ends[0]) // 2
    heads = ends[:-1, None] + np.arange(len(_EWKB_LINE))
    if hexadecimal.null_count or not (raw[heads] == np.frombuffer(_EWKB_LINE, dtype=np.uint8)).all():
        raise ValueError("a geometry is not a two-dimensional line string in little-endian EWKB with an SRID")
    coordinate = np.ones(len(raw), dtype=np.bool_)
    coordinate[(ends[:-1, None] + np.arange(_EWKB_LINE_HEADER)).ravel()] = False
    coords = raw[coordinate].view("<f8").reshape(-1, 2)
    counts = (np.diff(ends) - _EWKB_LINE_HEADER) // 16
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), coords.astype(np.float64, copy=False)


class _CsvReader:
    """A table as a file of CSV that is written while it is read."""

    def __init__(self, rows: pa.Table) -> None:
        self._batches = iter(rows.to_batches(max_chunksize=_ROWS_AT_ONCE))
        self._options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
        self._block = io.BytesIO()

    def read(self, size: int = -1) -> bytes:
        while not (taken := self._block.read(size)):
            batch = next(self._batches, None)
            if batch is None:
                return b""
            self._block = io.BytesIO()
            pacsv.write_csv(batch, self._block, self._options)
            self._block.seek(0)
        return taken

    readline = read


class _CsvBlocks:
    """A file that turns CSV into Arrow block by block; each `write` brings whole rows."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._schema = pa.schema(list(columns.items()))
        self._block = io.BytesIO()
        self._tables: list[pa.Table] = []

    def write(self, row: bytes) -> int:
        if self._block.tell() > _BLOCK_BYTES:
            self._parse()
        return self._block.write(row)

    def table(self) -> pa.Table:
        self._parse()
        return pa.concat_tables(self._tables) if self._tables else self._schema.empty_table()

    def _parse(self) -> None:
        text, self._block = self._block.getbuffer(), io.BytesIO()
        if len(text) == 0:
            return
        self._tables.append(
            pacsv.read_csv(
                pa.py_buffer(text),
                read_options=pacsv.ReadOptions(
                    column_names=self._schema.names, block_size=len(text) + 1, use_threads=False
                ),
                parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                convert_options=pacsv.ConvertOptions(
                    column_types=self._schema,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    true_values=["t"],
                    false_values=["f"],
                ),
            )
        )
