"""Rows of a patch sorted by how they are drawn: by rule, and by the colour and sign their properties choose.

Everything is done on whole columns; there is never a test for a feature by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compiling import I64, U8, compiled
from layers.geojson_columns import Column, NumberColumn, TextColumn
from layers.geojson_rows import DOUBLE
from layers.sheet import Patch
from layers.style.model import Colour, Fill, Label, Line, Mark, Palette, Rule, Symbol, Test

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

_FALLBACK_MARK = "dot"


class Order(NamedTuple):
    """Where a class stands among those drawn: later rules first, then by colour, then by sign."""

    rule: int
    colour: int
    mark: str


@dataclass(frozen=True)
class Class:
    """Features that are drawn alike: places among the rows of the patch, and symbols with plain colours."""

    order: Order
    symbols: tuple[Symbol, ...]
    places: I64


class PatchColumns:
    """The columns of a patch at its rows, in the forms that tests want them in."""

    def __init__(self, patch: Patch) -> None:
        self._patch = patch
        self._words: dict[str, tuple[Codes, list[str]]] = {}

    def __len__(self) -> int:
        return len(self._patch.rows)

    def column(self, field: str) -> tuple[Column | None, I64 | slice]:
        """A column, and where its rows stand in it."""
        if field in self._patch.live:
            return self._patch.live[field], slice(None)
        if field in self._patch.columns:
            return self._patch.columns[field], self._patch.rows
        return (self._patch.ids, self._patch.rows) if field == "id" else (None, slice(None))

    def numbers(self, field: str) -> npt.NDArray[np.float64]:
        """Numbers, truths as 0 and 1; NaN where they are not known."""
        column, rows = self.column(field)
        if not isinstance(column, NumberColumn):
            return np.full(len(self), np.nan)
        values = column.values[rows]
        found = values.view(np.float64) if column.kind == DOUBLE else values.astype(np.float64)
        return found if column.known is None else np.where(column.known[rows] != 0, found, np.nan)

    def words(self, field: str) -> tuple[Codes, list[str]]:
        """Each row's word as a number, -1 where there is none, and the words."""
        if field not in self._words:
            self._words[field] = self._read_words(field)
        return self._words[field]

    def _read_words(self, field: str) -> tuple[Codes, list[str]]:
        column, rows = self.column(field)
        if not isinstance(column, TextColumn):
            return np.full(len(self), -1, np.int64), []
        texts = _arrow(column)
        if column.codes is not None and len(texts) < 4096:
            return column.codes[rows].astype(np.int64), texts.to_pylist()
        words = np.arange(len(column)) if column.codes is None else column.codes.astype(np.int64)
        places = words[rows]
        found = texts.take(pa.array(places, mask=places < 0)).dictionary_encode()
        codes = found.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return codes.astype(np.int64), found.dictionary.to_pylist()

    def texts(self, field: str, places: I64) -> list[str]:
        """Some rows' texts, empty where there are none; numbers as they are written shortest."""
        column, rows = self.column(field)
        if isinstance(column, TextColumn):
            at = np.arange(len(column), dtype=np.int64)[rows][places]
            if column.codes is not None:
                at = column.codes[at].astype(np.int64)
            return [text or "" for text in _arrow(column).take(pa.array(at, mask=at < 0)).to_pylist()]
        return [f"{value:g}" if value == value else "" for value in self.numbers(field)[places].tolist()]

    def passing(self, test: Test) -> Bools:
        """Which rows pass; what is not known passes none."""
        column, _ = self.column(test.field)
        if isinstance(column, TextColumn):
            codes, words = self.words(test.field)
            wanted = np.array([word in test.among for word in words] + [False], np.bool_)
            return wanted[codes]
        numbers = self.numbers(test.field)
        if test.among:
            found: Bools = np.isin(numbers, [float(one) for one in test.among if not isinstance(one, str)])
            return found
        return (numbers >= test.low) & (numbers < test.below)

    def colours(self, palette: Palette) -> Codes:
        """Which of the palette's colours each row has."""
        if palette.distinct:
            column, rows = self.column(palette.field)
            if not isinstance(column, TextColumn):
                return np.zeros(len(self), np.int64)
            places = np.arange(len(column), dtype=np.int64)[rows]
            if column.codes is not None:
                places = np.maximum(column.codes[places].astype(np.int64), 0)
            return text_hashes(column.offsets, column.data, places) % len(palette.distinct)
        steps = np.array([low for low, _ in palette.steps])
        numbers = np.nan_to_num(self.numbers(palette.field), nan=-np.inf)
        return np.maximum(np.searchsorted(steps, numbers, side="right") - 1, 0)


def _arrow(column: TextColumn) -> pa.Array:
    offsets = np.ascontiguousarray(column.offsets, np.int64)
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(column.data))
    )


@compiled
def text_hashes(offsets: I64, data: U8, places: I64) -> I64:
    """A number from 0 on for the text of each place, the same in every process (FNV-1a, 32 bits)."""
    found = np.empty(places.size, np.int64)
    for k in range(places.size):
        value = np.int64(2166136261)
        for at in range(offsets[places[k]], offsets[places[k] + 1]):
            value = ((value ^ data[at]) * 16777619) & 0xFFFFFFFF
        found[k] = value
    return found


def drawn_symbols(rule: Rule) -> tuple[Symbol, ...]:
    """The symbols of a rule that are no labels."""
    return tuple(symbol for symbol in rule.symbols if not isinstance(symbol, Label))


def classes_of(rules: Sequence[Rule], columns: PatchColumns, marks: frozenset[str]) -> list[Class]:
    """The rows that any rule draws, by class: the first rule whose tests a row passes is its own."""
    left: Bools = np.ones(len(columns), np.bool_)
    found: list[Class] = []
    for number, rule in enumerate(rules):
        symbols = drawn_symbols(rule)
        if not symbols:
            continue
        passed = left.copy()
        for test in rule.tests:
            passed &= columns.passing(test)
        left &= ~passed
        places = np.flatnonzero(passed)
        if len(places):
            found += _split(-number, symbols, places, columns, marks)
    return found


def labelled(rules: Sequence[Rule], columns: PatchColumns) -> list[tuple[Label, I64]]:
    """Labels, each with the positions of the rows whose first rule with labels it belongs to."""
    left: Bools = np.ones(len(columns), np.bool_)
    found: list[tuple[Label, I64]] = []
    for rule in rules:
        labels = [symbol for symbol in rule.symbols if isinstance(symbol, Label)]
        if not labels:
            continue
        passed = left.copy()
        for test in rule.tests:
            passed &= columns.passing(test)
        left &= ~passed
        found += [(label, np.flatnonzero(passed)) for label in labels]
    return found


def _split(
    rank: int, symbols: tuple[Symbol, ...], places: I64, columns: PatchColumns, marks: frozenset[str]
) -> list[Class]:
    """A rule's rows by the colours and the signs that their properties choose."""
    palettes = list(dict.fromkeys(palette for symbol in symbols for palette in _palettes(symbol)))
    by = next((symbol.by for symbol in symbols if isinstance(symbol, Mark) and symbol.by), None)
    keys = [columns.colours(palette)[places] for palette in palettes]
    words: list[str] = []
    if by is not None:
        codes, words = columns.words(by)
        keys.append(codes[places])
    if not keys:
        return [Class(Order(rank, 0, ""), symbols, places)]
    combined = keys[0].copy()
    for key in keys[1:]:
        combined = combined * 8192 + key + 1
    order = np.argsort(combined, kind="stable")
    starts = np.flatnonzero(np.diff(combined[order], prepend=combined[order[0]] - 1))
    found = []
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True):
        first = order[start]
        chosen = {palette: int(keys[k][first]) for k, palette in enumerate(palettes)}
        word = words[int(keys[-1][first])] if by is not None and keys[-1][first] >= 0 else ""
        mark = word if word in marks else _FALLBACK_MARK
        plain = tuple(_plain(symbol, chosen, mark) for symbol in symbols)
        rank_colour = next(iter(chosen.values()), 0)
        found.append(Class(Order(rank, rank_colour, mark), plain, places[np.sort(order[start:stop])]))
    return found


def _palettes(symbol: Symbol) -> list[Palette]:
    if isinstance(symbol, Label):
        return []
    colours = (symbol.fill, symbol.stroke) if isinstance(symbol, Mark) else (symbol.colour,)
    return [colour for colour in colours if isinstance(colour, Palette)]


def _plain(symbol: Symbol, chosen: dict[Palette, int], mark: str) -> Symbol:
    def one(colour: Colour) -> str:
        return colour if isinstance(colour, str) else colour.colours[chosen[colour]]

    if isinstance(symbol, Mark):
        return replace(
            symbol, mark=mark if symbol.by else symbol.mark, fill=one(symbol.fill), stroke=one(symbol.stroke)
        )
    if isinstance(symbol, Line | Fill):
        return replace(symbol, colour=one(symbol.colour))
    return symbol
