"""Columns of the grid tables that cost what they hold: bytes, codes, or counties one after another.

`Texts` for ids and names, `Coded` for few words, `Repeated` for a single one; `JoinedTexts` and
`JoinedNumbers` put the columns of counties one after another, each opened when a row of it is asked for and
not kept. All of them answer like the array they stand for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gis_service.kernels.compiled import B1, I64
from gis_service.kernels.texts import is_rising
from gis_service.network.joined import JoinedNumbers, JoinedTexts, joined_texts
from gis_service.network.texts import Column, Strings, Text, Texts, decoded, frozen

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
