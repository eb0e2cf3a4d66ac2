"""Columns of the grid tables that cost what they hold: bytes, codes, or counties one after another.

`Texts` for ids and names, `Coded` for few words, `Repeated` for a single one; `JoinedTexts` and
`JoinedNumbers` put the columns of counties one after another, each opened when a row of it is asked for and
not kept. All of them answer like the array they stand for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numpy.lib.mixins import NDArrayOperatorsMixin

from gis_service.kernels.compiled import B1, I64
from gis_service.kernels.texts import is_rising
from gis_service.network.texts import Column, Strings, Text, Texts, as_rows, decoded, frozen

__all__ = [
    "Coded",
    "JoinedNumbers",
    "JoinedTexts",
    "Repeated",
    "Text",
    "Texts",
    "distinct",
    "is_any",
    "joined_texts",
    "runs",
    "text_order",
    "text_parts",
]

_MOST_WORDS = 1 << 16


class Coded(Column):
    """A column of few words.

    Parameters
    ----------
    codes
        uint8, uint16 or int32 `(n,)`: which word stands in each row.
    words
        In any order, each once.
    """

    def __init__(self, codes: npt.NDArray[np.integer[Any]], words: Sequence[str]) -> None:
        self.codes = frozen(codes, codes.dtype)
        self.words = tuple(words)
        self._words = np.empty(len(self.words), np.object_)
        self._words[:] = self.words
        self.size = int(codes.size)

    @classmethod
    def of(cls, strings: Any) -> Coded:
        """The column of a list, an object array, an Arrow array of text or any other column, words sorted."""
        if isinstance(strings, Coded):
            return strings
        if isinstance(strings, pa.ChunkedArray):
            strings = strings.combine_chunks()
        if not isinstance(strings, pa.Array):
            strings = _arrow(strings)
        if not pa.types.is_dictionary(strings.type):
            strings = (strings.fill_null("") if strings.null_count else strings).dictionary_encode()
        elif strings.null_count:
            strings = strings.dictionary_decode().fill_null("").dictionary_encode()
        found = _strings(strings.dictionary)
        words = sorted(set(found))
        place = {word: code for code, word in enumerate(words)}
        of = np.array([place[word] for word in found], _code_type(len(words)))
        return cls(of[strings.indices.to_numpy(zero_copy_only=False)], words)

    def _one(self, row: int) -> str:
        return self.words[int(self.codes[row])]

    def _some(self, rows: I64) -> Strings:
        return cast("Strings", self._words[self.codes[rows]])

    def _all(self) -> Strings:
        return cast("Strings", self._words[self.codes])

    def _equal_to(self, word: str) -> B1:
        if word not in self.words:
            return np.zeros(self.size, np.bool_)
        return cast("B1", self.codes == self.words.index(word))


class Repeated(Column):
    """A column in which every row holds the same word: the county of a county's rows."""

    def __init__(self, word: str, size: int) -> None:
        self.word = word
        self.size = size

    def _one(self, _row: int) -> str:
        return self.word

    def _some(self, rows: I64) -> Strings:
        # the range is checked as an array's would be
        if rows.size and (int(rows.max()) >= self.size or int(rows.min()) < -self.size):
            raise IndexError(f"a row is outside of a column of {self.size} rows")
        return np.full(rows.size, self.word, np.object_)

    def _all(self) -> Strings:
        return np.full(self.size, self.word, np.object_)

    def _equal_to(self, word: str) -> B1:
        return np.full(self.size, word == self.word, np.bool_)


class Parts:
    """Where each part's rows begin among all, and how to open a part.

    Parameters
    ----------
    sizes
        Rows of each part.
    open
        Gives a part; asked each time, so whoever opens decides what stays in memory. An array or column that
        it gave stays valid.
    """

    def __init__(self, sizes: Sequence[int], open: Callable[[int], Any]) -> None:
        self.firsts = [0, *np.cumsum(sizes, dtype=np.int64).tolist()]
        self.open = open

    @property
    def size(self) -> int:
        """Rows of all parts."""
        return int(self.firsts[-1])

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Each part that has rows, with its first row."""
        for part, (first, stop) in enumerate(pairwise(self.firsts)):
            if stop > first:
                yield first, self.open(part)

    def part_of(self, row: int) -> int:
        """The part that holds a row."""
        return bisect_right(self.firsts, row) - 1

    def one(self, row: int) -> Any:
        """One row, which must exist."""
        part = self.part_of(row)
        return self.open(part)[row - self.firsts[part]]

    def gather(self, rows: I64, out: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Rows in their order, written to `out`; each part that holds some is opened once.

        Raises
        ------
        IndexError
            For a row out of range.
        """
        if not rows.size:
            return out
        low, high = int(rows.min()), int(rows.max())
        if low < -self.size or high >= self.size:
            raise IndexError(f"a row is outside of a column of {self.size} rows")
        if low < 0:
            rows = np.where(rows < 0, rows + self.size, rows)
            low, high = int(rows.min()), int(rows.max())
        first_part, last_part = self.part_of(low), self.part_of(high)
        if first_part == last_part:
            out[:] = self.open(first_part)[rows - self.firsts[first_part]]
            return out
        of = np.searchsorted(self.firsts, rows, side="right") - 1
        order = np.argsort(of, kind="stable")
        parts, cuts = np.unique(of[order], return_index=True)
        for part, begin, end in zip(parts.tolist(), cuts, [*cuts[1:], rows.size], strict=True):
            place = order[begin:end]
            out[place] = self.open(part)[rows[place] - self.firsts[part]]
        return out


class JoinedTexts(Column):
    """Text columns one after another; see `Parts`."""

    def __init__(self, sizes: Sequence[int], open: Callable[[int], Text]) -> None:
        self.parts = Parts(sizes, open)
        self.size = self.parts.size

    def _one(self, row: int) -> str:
        return str(self.parts.one(row))

    def _some(self, rows: I64) -> Strings:
        return self.parts.gather(rows, np.empty(rows.size, np.object_))

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
        shifted = open if shifts is None else lambda part: open(part) + shifts[part]
        self.parts = Parts(sizes, shifted)
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
            return (
                self[key[0]][(slice(None), *key[1:])]
                if not isinstance(key[0], int)
                else self[key[0]][key[1:]]
            )
        if isinstance(key, slice):
            run = self._run(key)
            if run is not None:
                return run
        rows = as_rows(key, len(self))
        return self.parts.gather(rows, np.empty((rows.size, *self.shape[1:]), self.dtype))

    def _run(self, key: slice) -> npt.NDArray[Any] | None:
        """A slice inside one part, as a view of it."""
        first, stop, step = key.indices(len(self))
        if step != 1 or stop <= first:
            return None
        part = self.parts.part_of(first)
        if stop > self.parts.firsts[part + 1]:
            return None
        base = self.parts.firsts[part]
        return cast("npt.NDArray[Any]", self.parts.open(part)[first - base : stop - base])

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


def is_any(column: Text, words: Collection[str]) -> B1:
    """Which rows hold one of some words, bool `(n,)`."""
    if isinstance(column, Coded):
        wanted: B1 = np.array([word in words for word in column.words], np.bool_)
        return cast("B1", wanted[column.codes])
    if isinstance(column, JoinedTexts):
        return np.concatenate([np.empty(0, np.bool_), *(is_any(part, words) for _, part in column.parts)])
    found = np.zeros(len(column), np.bool_)
    for word in words:
        found |= column == word
    return found


def distinct(column: Text) -> set[str]:
    """The words that stand in a column."""
    if isinstance(column, Coded):
        return {column.words[code] for code in np.unique(column.codes).tolist()}
    if isinstance(column, Repeated):
        return {column.word} if column.size else set()
    if isinstance(column, JoinedTexts):
        return set().union(*(distinct(part) for _, part in column.parts))
    if isinstance(column, Texts):
        return set(_strings(pc.unique(_arrow(column))))
    return set(column.tolist())


def runs(column: Text) -> list[tuple[str, int, int]]:
    """Stretches of equal words, `(word, first row, row after the last)`: the counties of a sorted table."""
    if isinstance(column, Repeated):
        return [(column.word, 0, column.size)] if column.size else []
    if isinstance(column, JoinedTexts):
        found: list[tuple[str, int, int]] = []
        for first, part in column.parts:
            for word, start, stop in runs(part):
                if found and found[-1][0] == word:
                    found[-1] = (word, found[-1][1], first + stop)
                else:
                    found.append((word, first + start, first + stop))
        return found
    words = np.asarray(column)
    firsts = [0, *(np.flatnonzero(words[1:] != words[:-1]) + 1).tolist()] if words.size else []
    return [(str(words[a]), a, b) for a, b in pairwise([*firsts, words.size])]


def text_parts(column: Text) -> Iterator[tuple[int, Texts]]:
    """A column as bytes, part by part, each with its first row: for kernels that read them."""
    if isinstance(column, JoinedTexts):
        for first, part in column.parts:
            for within, texts in text_parts(part):
                yield first + within, texts
    else:
        yield 0, Texts.of(column)


def text_order(column: Text) -> I64:
    """Rows by text, equal ones by row: `np.argsort(column, kind="stable")`, without the strings.

    O(bytes) where the column is in order already, as ids are that begin with their county; else O(n log n).
    """
    last = ""
    for _, part in text_parts(column):
        if part.size and (part[0] < last or not is_rising(part.offsets, part.data)):
            break
        last = part[part.size - 1] if part.size else last
    else:
        return np.arange(len(column))
    whole = pa.chunked_array([_arrow(part) for _, part in text_parts(column)], pa.large_binary())
    order: I64 = pc.sort_indices(whole).to_numpy().astype(np.int64)
    return order


def _arrow(column: Any) -> Any:
    """Any column as an Arrow array: of bytes where it holds bytes, so that nothing is checked twice."""
    if isinstance(column, Texts):
        wide = np.ascontiguousarray(column.offsets, np.int64)
        buffers = [None, pa.py_buffer(wide), pa.py_buffer(column.data)]
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), column.size, buffers)
    return _arrow(Texts.of(column))


def _strings(array: Any) -> list[str]:
    return [decoded(one) if isinstance(one, bytes) else one for one in array.to_pylist()]


def _code_type(words: int) -> type[np.integer[Any]]:
    if words <= 1 << 8:
        return np.uint8
    return np.uint16 if words <= _MOST_WORDS else np.int32
