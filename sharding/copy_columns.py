"""What Arrow columns hold, as NumPy arrays: texts, numbers, truths, flat geometry, and rows in order.

Pure: values in, values out. Nulls become what each function says.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def sorted_by(rows: pa.Table, *keys: str) -> pa.Table:
    """The rows in ascending order of text columns, compared by code point as Python compares `str`.

    Rows that are in strictly ascending order already are given back as they are.
    """
    if _is_ascending(rows, keys):
        return rows
    return rows.combine_chunks().take(pc.sort_indices(rows, sort_keys=[(key, "ascending") for key in keys]))


def texts(column: Any, *, absent: str | None = "") -> npt.NDArray[np.object_]:
    """A text column as objects; nulls become `absent`, equal texts share one object."""
    if absent is not None:
        column = pc.fill_null(column, absent)
    return np.asarray(column.to_pandas(deduplicate_objects=True).to_numpy(dtype=object))


def text_bytes(column: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """A text or binary column as offsets `(n + 1,)` into its bytes, read-only; nulls become empty.

    Shares the column's memory where that is in one piece.
    """
    values = _in_one_piece(column)
    if len(values) == 0:
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    _, starts, data = values.buffers()
    offsets = np.frombuffer(starts, np.int64)[values.offset : values.offset + len(values) + 1]
    first, end = int(offsets[0]), int(offsets[-1])
    held = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)[first:end]
    return (offsets if first == 0 else offsets - first), held


def floats(column: Any) -> npt.NDArray[np.float64]:
    """A number column; nulls become NaN."""
    return np.asarray(pc.fill_null(column, float("nan")).to_numpy(), dtype=np.float64)


def truths(column: Any) -> npt.NDArray[np.bool_]:
    """A truth column; nulls become False."""
    return np.asarray(pc.fill_null(column, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def points(column: Any) -> npt.NDArray[np.float64]:
    """A column of flat points as `(n, 2)`."""
    flat = _in_one_piece(column).flatten()
    return cast("npt.NDArray[np.float64]", flat.to_numpy(zero_copy_only=False).reshape(-1, 2))


def lines(column: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """A column of flat lines: offsets `(n + 1,)` into coordinates `(m, 2)`."""
    values = _in_one_piece(column)
    if len(values) == 0:
        return np.zeros(1, np.int64), np.empty((0, 2))
    offsets = np.asarray(values.offsets.to_numpy(), np.int64)
    coords = values.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0])).flatten()
    return offsets - offsets[0], coords.to_numpy(zero_copy_only=False).reshape(-1, 2)


def _in_one_piece(column: Any) -> Any:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [_empty(column)])


def _empty(column: Any) -> Any:
    return pa.array([], column.type)


def _is_ascending(rows: pa.Table, keys: tuple[str, ...]) -> bool:
    if len(rows) < 2:
        return True
    ahead: Any = None  # whether each row is greater than the one before it by the keys from here on
    for key in reversed(keys):
        column = rows[key]
        before, after = column.slice(0, len(rows) - 1), column.slice(1)
        greater = pc.greater(after, before)
        ahead = (
            greater if ahead is None else pc.or_kleene(greater, pc.and_kleene(pc.equal(after, before), ahead))
        )
    return pc.all(ahead, skip_nulls=False).as_py() is True
