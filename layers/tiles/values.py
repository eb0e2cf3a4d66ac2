"""The values of a layer's attributes, each of them once, and which of them every feature has; compiled.

A value stands here as the message it becomes (Mapbox Vector Tile specification 2.1, clause 4.4), so that the
table is what the tile holds, and two values are one where their bytes are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from compiling import I32, I64, U8, borrowing
from compiling.words import put_little_64
from layers.geojson_columns import Column, NumberColumn, TextColumn
from layers.geojson_rows import DOUBLE, TRUTH
from layers.tiles.wire import put_varint, varint_size

_VALUE = np.uint8(4 << 3 | 2)  # in a layer
_STRING, _DOUBLE, _UNSIGNED, _SIGNED, _BOOL = (
    np.uint8(1 << 3 | 2),
    np.uint8(3 << 3 | 1),
    np.uint8(5 << 3),
    np.uint8(6 << 3),
    np.uint8(7 << 3),
)
_NUMBER_ROOM = 16
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_HIGH = np.uint64(0x7FF0000000000000)
_MINUS_ZERO = np.int64(
    -(2**63)
)  # as bits; told as 0.0, since a reader that compares values takes both for one
_HALF = np.uint64(32)


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array as one that cannot be written to: compiled code is compiled for that alone."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.setflags(write=False)
    return view


class Values:
    """The table of one layer under construction."""

    def __init__(self) -> None:
        self._slots: I32 = np.zeros(1 << 10, np.int32)  # 1 + the number of a value; 0 is free
        self._starts: I64 = np.zeros(1 << 9, np.int64)
        self._store: U8 = np.empty(1 << 14, np.uint8)
        self._count = self._bytes = 0

    def numbers_of(self, column: Column, rows: I64) -> I32:
        """The number of each row's value, -1 where there is none."""
        numbers = np.empty(len(rows), np.int32)
        if isinstance(column, NumberColumn):
            self._make_room(len(rows), _NUMBER_ROOM * len(rows))
            known = np.empty(0, np.uint8) if column.known is None else column.known[rows]
            self._count, self._bytes = _put_numbers(
                column.kind,
                column.values[rows],
                known,
                self._slots,
                self._starts,
                self._store,
                self._count,
                self._bytes,
                numbers,
            )
            return numbers
        words, offsets = words_of(column, rows), frozen(column.offsets)
        many = len(offsets) - 1 > len(rows)
        memo = np.full(0 if many else len(offsets) - 1, -1, np.int32)
        self._make_room(len(rows), int(_texts_room(offsets, words)))
        self._count, self._bytes = _put_texts(
            offsets,
            frozen(column.data),
            words,
            memo,
            self._slots,
            self._starts,
            self._store,
            self._count,
            self._bytes,
            numbers,
        )
        return numbers

    def message(self) -> bytes:
        """All values as they stand in a layer."""
        return self._store[: self._bytes].tobytes()

    def _make_room(self, values: int, more: int) -> None:
        if self._bytes + more > len(self._store):
            wider = np.empty(2 * (self._bytes + more), np.uint8)
            wider[: self._bytes] = self._store[: self._bytes]
            self._store = wider
        most = self._count + values
        if most >= len(self._starts):
            starts = np.zeros(2 * most, np.int64)
            starts[: self._count + 1] = self._starts[: self._count + 1]
            self._starts = starts
        if 2 * most > len(self._slots):
            self._slots = np.zeros(1 << (4 * most - 1).bit_length(), np.int32)
            _find_again(self._slots, self._starts, self._store, self._count)


def words_of(column: TextColumn, rows: I64) -> I64:
    """The word of each row, negative for none."""
    return rows if column.codes is None else column.codes[rows].astype(np.int64)


@borrowing
def hash_of(data: U8, start: int, stop: int) -> np.uint64:
    """FNV-1a of 64 bits."""
    found = _FNV_START
    for place in range(start, stop):
        found = (found ^ np.uint64(data[place])) * _FNV_PRIME
    return found


@borrowing
def _slot(slots: I32, starts: I64, store: U8, start: int, stop: int) -> int:
    """Where the message `store[start:stop]` stands, or where it is to stand."""
    found = hash_of(store, start, stop)
    mask = np.uint64(len(slots) - 1)
    at = (found ^ (found >> _HALF)) & mask
    while True:
        number = slots[at] - 1
        if number < 0:
            return int(at)
        begin = starts[number]
        if starts[number + 1] - begin == stop - start:
            same = 0
            while start + same < stop and store[begin + same] == store[start + same]:
                same += 1
            if start + same == stop:
                return int(at)
        at = (at + np.uint64(1)) & mask


@borrowing
def _enter(slots: I32, starts: I64, store: U8, count: int, at: int, end: int) -> int:
    """The number of the message at the end of the store; a new one is `count`."""
    slot = _slot(slots, starts, store, at, end)
    if slots[slot] == 0:
        slots[slot] = count + 1
        starts[count], starts[count + 1] = at, end
    return int(slots[slot] - 1)


@borrowing
def _find_again(slots: I32, starts: I64, store: U8, count: int) -> None:
    for number in range(count):
        slots[_slot(slots, starts, store, starts[number], starts[number + 1])] = number + 1


@borrowing
def _texts_room(offsets: I64, words: I64) -> int:
    room = 0
    for word in words:
        if word >= 0:
            room += offsets[word + 1] - offsets[word] + 24
    return room


@borrowing
def _put_texts(
    offsets: I64,
    data: U8,
    words: I64,
    memo: I32,
    slots: I32,
    starts: I64,
    store: U8,
    count: int,
    at: int,
    numbers: I32,
) -> tuple[int, int]:
    for row in range(len(words)):
        word = words[row]
        if word < 0:
            numbers[row] = -1
            continue
        if len(memo) and memo[word] >= 0:
            numbers[row] = memo[word]
            continue
        begin, end = offsets[word], offsets[word + 1]
        size = end - begin
        store[at] = _VALUE
        place = put_varint(store, at + 1, 1 + varint_size(size) + size)
        store[place] = _STRING
        place = put_varint(store, place + 1, size)
        for byte in range(begin, end):
            store[place] = data[byte]
            place += 1
        number = _enter(slots, starts, store, count, at, place)
        if number == count:
            count, at = count + 1, place
        numbers[row] = number
        if len(memo):
            memo[word] = number
    return count, at


@borrowing
def _put_numbers(
    kind: int,
    values: I64,
    known: U8,
    slots: I32,
    starts: I64,
    store: U8,
    count: int,
    at: int,
    numbers: I32,
) -> tuple[int, int]:
    last, before = -1, 0  # the number of the value before, and that: most are told in runs
    for row in range(len(values)):
        value = values[row]
        if kind == DOUBLE and value == _MINUS_ZERO:
            value = np.int64(0)
        if (len(known) and not known[row]) or (
            kind == DOUBLE and np.uint64(value) & _HIGH == _HIGH  # no number, or infinite
        ):
            numbers[row] = -1
            continue
        if last >= 0 and before == value:
            numbers[row] = last
            continue
        store[at] = _VALUE
        if kind == DOUBLE:
            store[at + 1] = 9
            store[at + 2] = _DOUBLE
            put_little_64(store, at + 3, np.uint64(value))
            place = at + 11
        else:
            negative = value < 0
            told = ((value << 1) ^ (value >> 63)) if negative else value
            store[at + 1] = 1 + varint_size(told)
            store[at + 2] = _BOOL if kind == TRUTH else (_SIGNED if negative else _UNSIGNED)
            place = put_varint(store, at + 3, told)
        last, before = _enter(slots, starts, store, count, at, place), value
        if last == count:
            count, at = count + 1, place
        numbers[row] = last
    return count, at
