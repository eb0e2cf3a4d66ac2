"""COPY in and out in its binary form: tables between PostgreSQL and Arrow columns, without a Python row."""

from __future__ import annotations

from sharding.copy_columns import floats, lines, points, sorted_by, text_bytes, texts, truths
from sharding.copy_growing import LINE, POINT, TEXT
from sharding.copy_reading import UnreadableCopy, copy_out
from sharding.copy_writing import IncompleteCopy, binary_rows, copy_in

__all__ = [
    "LINE",
    "POINT",
    "TEXT",
    "IncompleteCopy",
    "UnreadableCopy",
    "binary_rows",
    "copy_in",
    "copy_out",
    "floats",
    "lines",
    "points",
    "sorted_by",
    "text_bytes",
    "texts",
    "truths",
]
