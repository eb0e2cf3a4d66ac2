"""Columns and patches as plain values, read without any of the code that writes them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from layers.geojson_columns import Column, TextColumn
from layers.geojson_rows import DOUBLE, TRUTH
from layers.sheet import Seen


def values_of(column: Column, rows: Any = None) -> list[Any]:
    """The values of some rows, or of all; null as None."""
    picked = range(len(column)) if rows is None else rows.tolist()
    return [_value(column, row) for row in picked]


def _value(column: Column, row: int) -> Any:
    if isinstance(column, TextColumn):
        word = row if column.codes is None else int(column.codes[row])
        if word < 0:
            return None
        return column.data[column.offsets[word] : column.offsets[word + 1]].tobytes().decode()
    if column.known is not None and not column.known[row]:
        return None
    if column.kind == DOUBLE:
        number = float(np.ascontiguousarray(column.values).view(np.float64)[row])
        return None if math.isnan(number) else number
    return bool(column.values[row]) if column.kind == TRUTH else int(column.values[row])


def ids_in(seen: Seen) -> list[tuple[str, str]]:
    """County and id of everything seen."""
    return [(patch.county, id) for patch in seen.patches for id in values_of(patch.ids, patch.rows)]
