"""One county's rows of a table column, as the layers read columns: views of what is kept where they can be.

The values are those of `engine.columns`: phases as letters, what is absent as null.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from gis_service.engine.columns import PHASE_TEXTS
from gis_service.kernels.compiled import I64
from gis_service.network.columns import Coded, JoinedNumbers, JoinedTexts, Repeated
from gis_service.network.tables import Text
from gis_service.network.texts import Texts, frozen
from layers.geojson_columns import Column, NumberColumn, TextColumn, truths
from layers.geojson_rows import DOUBLE


def rows_of(column: Any, first: int, stop: int) -> Any:
    """Rows `[first, stop)` of a column as a column; no copy where one county's part, or codes, hold them."""
    if isinstance(column, JoinedTexts):
        part = column.parts.part_of(first)
        begin, end = column.parts.firsts[part], column.parts.firsts[part + 1]
        if stop <= end:
            return rows_of(column.parts.open(part), first - begin, stop - begin)
        return Texts.of(column[first:stop])
    if isinstance(column, Repeated):
        return Repeated(column.word, stop - first)
    if isinstance(column, Coded):
        return Coded(column.codes[first:stop], column.words)
    if isinstance(column, Texts):
        if (first, stop) == (0, column.size):
            return column
        offsets = column.offsets[first : stop + 1]
        return Texts(offsets - offsets[0], column.data[int(offsets[0]) : int(offsets[-1])])
    if isinstance(column, JoinedNumbers) or (first, stop) == (0, len(column)):
        return column[first:stop]
    # a county among others in one array: a view would keep all of them in memory as long as the county
    return np.array(column[first:stop])


def as_column(name: str, values: Any) -> Column:
    """A column of the tables as one of the layers."""
    if name == "phases":
        return _phases(np.asarray(values))
    if isinstance(values, Repeated):
        return _words((values.word,), np.zeros(len(values), np.int8))
    if isinstance(values, Coded):
        return _words(values.words, values.codes)
    if isinstance(values, Texts):
        return _texts(values)
    array = np.asarray(values)
    if array.dtype.kind == "f":
        return NumberColumn(DOUBLE, frozen(array, np.float64).view(np.int64))
    if array.dtype.kind == "b":
        return truths(array)
    return _texts(Texts.of(array))


def id_column(ids: Text) -> TextColumn:
    """Ids, none of which is absent."""
    texts = Texts.of(ids)
    return TextColumn(frozen(texts.offsets, np.int64), texts.data)


def _phases(masks: Any) -> TextColumn:
    offsets, data = _packed(tuple(PHASE_TEXTS[1:]))
    return TextColumn(offsets, data, masks.astype(np.int8) - np.int8(1))  # no phases: null


def _texts(texts: Texts) -> TextColumn:
    offsets: I64 = frozen(texts.offsets, np.int64)
    lengths = np.diff(offsets)
    codes = None if lengths.all() else np.where(lengths == 0, -1, np.arange(texts.size)).astype(np.int32)
    return TextColumn(offsets, texts.data, codes)


def _words(words: tuple[str, ...], codes: Any) -> TextColumn:
    offsets, data = _packed(words)
    if "" in words:
        places = np.array([k if word else -1 for k, word in enumerate(words)], np.int32)
        codes = places[codes]
    return TextColumn(offsets, data, codes)


@lru_cache(maxsize=256)
def _packed(words: tuple[str, ...]) -> tuple[I64, Any]:
    texts = Texts.of(list(words))
    return frozen(texts.offsets, np.int64), texts.data
