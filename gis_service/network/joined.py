"""Columns one after another, as those of a province's counties, each opened when a row of it is asked for.

Answers like one column or array; knows nothing of where the parts come from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

from gis_service.kernels.compiled import B1, I64, compiled
from gis_service.network.texts import Column, Strings, Text, Texts, as_rows, encoded, frozen


class Parts:
    """Where each part's rows begin among all, and how to open a part.

    Parameters
    ----------
    sizes
        Rows of each part.
    open
        Gives a part; asked each time, so whoever opens decides what stays in memory. An array or column that
        it gave stays valid.
    shifts
        Added to the rows of each part.
    """

    def __init__(
        self, sizes: Sequence[int], open: Callable[[int], Any], shifts: Sequence[int] | None = None
    ) -> None:
        self.firsts = [0, *np.cumsum(sizes, dtype=np.int64).tolist()]
        self.open = open
        self._shifts = shifts
        self._bounds = frozen(np.array(self.firsts), np.int64)

    @property
    def size(self) -> int:
        """Rows of all parts."""
        return int(self.firsts[-1])

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Each part that has rows, with its first row."""
        for part, (first, stop) in enumerate(pairwise(self.firsts)):
            if stop > first:
                yield first, self._shifted(part, self.open(part))

    def part_of(self, row: int) -> int:
        """The part that holds a row."""
        return bisect_right(self.firsts, row) - 1

    def one(self, row: int) -> Any:
        """One row, which must exist."""
        part = self.part_of(row)
        return self._shifted(part, self.open(part)[row - self.firsts[part]])

    def run(self, first: int, stop: int) -> Any:
        """Rows `[first, stop)` where one part holds them all, as a view of it; else None."""
        part = self.part_of(first)
        if stop <= first or stop > self.firsts[part + 1]:
            return None
        base = self.firsts[part]
        return self._shifted(part, self.open(part)[first - base : stop - base])

    def gather(self, rows: I64, dtype: npt.DTypeLike, shape: tuple[int, ...] = ()) -> npt.NDArray[Any]:
        """Rows in their order; each part that holds some is opened once.

        Raises
        ------
        IndexError
            For a row out of range.
        """
        if not rows.size:
            return np.empty((0, *shape), dtype)
        low, high, rising = _extent(rows)
        if low < -self.size or high >= self.size:
            raise IndexError(f"a row is outside of a column of {self.size} rows")
        if low < 0:
            return self.gather(np.where(rows < 0, rows + self.size, rows), dtype, shape)
        first_part, last_part = self.part_of(low), self.part_of(high)
        if first_part == last_part:
            taken: npt.NDArray[Any] = self._taken(first_part, rows)
            return taken
        out = np.empty((rows.size, *shape), dtype)
        if rising:
            cuts = [
                0,
                *np.searchsorted(rows, self._bounds[first_part + 1 : last_part + 1]).tolist(),
                rows.size,
            ]
            for part, (begin, end) in enumerate(pairwise(cuts), start=first_part):
                if end > begin:
                    out[begin:end] = self._taken(part, rows[begin:end])
            return out
        of = np.searchsorted(self._bounds, rows, side="right") - 1
        order = np.argsort(of, kind="stable")
        parts, firsts = np.unique(of[order], return_index=True)
        for part, begin, end in zip(parts.tolist(), firsts, [*firsts[1:], rows.size], strict=True):
            place = order[begin:end]
            out[place] = self._taken(part, rows[place])
        return out

    def _taken(self, part: int, rows: I64) -> Any:
        return self._shifted(part, self.open(part)[rows - self.firsts[part]])

    def _shifted(self, part: int, values: Any) -> Any:
        return values if self._shifts is None else values + self._shifts[part]


@compiled
def _extent(rows: I64) -> tuple[int, int, bool]:
    """The smallest and the largest row, and whether they rise."""
    low, high, rising = rows[0], rows[0], True
    for k in range(1, rows.size):
        rising = rising and rows[k] >= rows[k - 1]
        low, high = min(low, rows[k]), max(high, rows[k])
    return low, high, rising


class JoinedTexts(Column):
    """Text columns one after another; see `Parts`."""

    def __init__(self, sizes: Sequence[int], open: Callable[[int], Text]) -> None:
        self.parts = Parts(sizes, open)
        self.size = self.parts.size

    def _one(self, row: int) -> str:
        return str(self.parts.one(row))

    def raw(self, row: int) -> bytes:
        """The bytes of a row, which must exist."""
        part = self.parts.part_of(row)
        column, within = self.parts.open(part), row - self.parts.firsts[part]
        return column.raw(within) if isinstance(column, Texts) else encoded(column[within])

    def _some(self, rows: I64) -> Strings:
        return self.parts.gather(rows, np.object_)

    def _all(self) -> Strings:
        return np.concatenate([np.empty(0, np.object_), *(np.asarray(part) for _, part in self.parts)])

    def _equal_to(self, word: str) -> B1:
        return np.concatenate([np.empty(0, np.bool_), *(part == word for _, part in self.parts)])


class JoinedNumbers(NDArrayOperatorsMixin):
    """Number columns one after another; see `Parts`. Any arithmetic makes a whole array of them first.

    Parameters
    ----------
    dtype, width
        What the parts hold: `(n,)` where `width` is 0, else `(n, width)`.
    shifts
        Added to the rows of each part: for offsets, which count from 0 in each county.
    """

    __hash__ = None  # type: ignore[assignment]  # compared row by row, as arrays are

    def __init__(
        self,
        sizes: Sequence[int],
        open: Callable[[int], npt.NDArray[Any]],
        dtype: npt.DTypeLike,
        width: int = 0,
        *,
        shifts: Sequence[int] | None = None,
    ) -> None:
        self.parts = Parts(sizes, open, shifts)
        self.dtype = np.dtype(dtype)
        self.shape: tuple[int, ...] = (self.parts.size, width) if width else (self.parts.size,)

    @property
    def size(self) -> int:
        """Numbers altogether."""
        return int(np.prod(self.shape))

    @property
    def ndim(self) -> int:
        """1, or 2 where a row is several numbers."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.parts.size

    def __iter__(self) -> Iterator[Any]:
        return iter(np.asarray(self))

    def __getitem__(self, key: Any, /) -> Any:
        if isinstance(key, int | np.integer):
            row = int(key) + len(self) if key < 0 else int(key)
            if not 0 <= row < len(self):
                raise IndexError(f"row {key} of a column of {len(self)} rows")
            return self.parts.one(row)
        if isinstance(key, tuple):
            whole = isinstance(key[0], int | np.integer)
            return self[key[0]][key[1:] if whole else (slice(None), *key[1:])]
        if isinstance(key, slice):
            first, stop, step = key.indices(len(self))
            run = self.parts.run(first, stop) if step == 1 else None
            if run is not None:
                return run
        return self.parts.gather(as_rows(key, len(self)), self.dtype, self.shape[1:])

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("the parts are put together when they are asked for: there is nothing to share")
        whole = np.empty(self.shape, self.dtype)
        for first, part in self.parts:
            whole[first : first + len(part)] = part
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [np.asarray(one) if isinstance(one, JoinedNumbers) else one for one in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def tolist(self) -> list[Any]:
        """All rows as plain numbers."""
        numbers: list[Any] = np.asarray(self).tolist()
        return numbers


def joined_texts(columns: Sequence[Text]) -> JoinedTexts:
    """Columns in hand, one after another."""
    return JoinedTexts([len(column) for column in columns], columns.__getitem__)
