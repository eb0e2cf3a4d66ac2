"""The values of a layer's attributes, each of them once, and which of them every feature has; compiled.

A value stands here as the message it becomes (Mapbox Vector Tile specification 2.1, clause 4.4), so that the
table is what the tile holds, and two values are one where their bytes are the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compiling import I32, I64, U8, borrowing, compiled
from compiling.addresses import bytes_at, gather, numbers_at
from compiling.words import little_64, put_little_64
from layers.addressed import (
    ABSENT,
    CODES,
    DATA,
    KIND,
    KNOWN,
    LENGTH,
    OFFSETS,
    TEXTS,
    VALUES,
    WIDTH,
    WORDS,
)
from layers.geojson_rows import DOUBLE, TRUTH
from layers.tiles.wire import put_bytes, put_varint, varint_size

_VALUE = np.uint8(4 << 3 | 2)  # in a layer
_STRING, _DOUBLE, _UNSIGNED, _SIGNED, _BOOL = (
    np.uint8(1 << 3 | 2),
    np.uint8(3 << 3 | 1),
    np.uint8(5 << 3),
    np.uint8(6 << 3),
    np.uint8(7 << 3),
)
_NUMBER_ROOM, _AROUND_TEXT = 16, 24
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_HIGH = np.uint64(0x7FF0000000000000)
# the bits of -0.0, told as 0.0: a reader that compares values takes both for one
_MINUS_ZERO = np.int64(-(2**63))
_HALF, _BYTE = np.uint64(32), np.uint64(8)
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio
_COUNT, _BYTES = 0, 1


class Table(NamedTuple):
    """The values of one layer.

    slots : int32, 1 + the number of a value by its hash; 0 is free
    starts : int64, where each value's message begins in `store`, and the end of the last
    store : uint8, the messages as they stand in a layer
    used : int64 (2,), how many values there are, and how many bytes of them
    """

    slots: I32
    starts: I64
    store: U8
    used: I64


@compiled
def new_table() -> Table:
    """No values."""
    return Table(
        np.zeros(1 << 7, np.int32),
        np.zeros(1 << 6, np.int64),
        np.empty(1 << 10, np.uint8),
        np.zeros(2, np.int64),
    )


@compiled
def _roomy(table: Table, values: int, more: int) -> Table:
    """The table with room for more values and their bytes."""
    slots, starts, store, used = table
    if used[_BYTES] + more > len(store):
        wider = np.empty(2 * (used[_BYTES] + more), np.uint8)
        wider[: used[_BYTES]] = store[: used[_BYTES]]
        store = wider
    most = used[_COUNT] + values
    if most >= len(starts):
        longer = np.zeros(2 * most, np.int64)
        longer[: used[_COUNT] + 1] = starts[: used[_COUNT] + 1]
        starts = longer
    if 2 * most > len(slots):
        size = len(slots)
        while size < 4 * most:
            size *= 2
        slots = np.zeros(size, np.int32)
        for number in range(used[_COUNT]):
            slots[_slot(slots, starts, store, starts[number], starts[number + 1])] = number + 1
    return Table(slots, starts, store, used)


@compiled
def put_values(table: Table, column: I64, rows: I64, numbers: I32) -> Table:
    """The number of the value that each of some rows of a column has, -1 where there is none.

    Parameters
    ----------
    column
        As `layers.addressed` says.
    numbers
        Aligned with `rows`; written.

    Returns
    -------
    Table
        The table with them, in place of the one given.
    """
    if column[KIND] == ABSENT:
        numbers[:] = -1
        return table
    if column[KIND] != TEXTS:
        table = _roomy(table, len(rows), _NUMBER_ROOM * len(rows))
        values = numbers_at(column[VALUES], column[LENGTH])
        known = bytes_at(column[KNOWN], column[LENGTH] if column[KNOWN] else 0)
        _put_numbers(table, column[KIND], values, known, rows, numbers)
        return table
    words = rows
    if column[WIDTH]:
        words = np.empty(len(rows), np.int64)
        gather(column[CODES], column[WIDTH], column[LENGTH], rows, words)
    count = column[WORDS]
    offsets = numbers_at(column[OFFSETS], count + 1)
    data = bytes_at(column[DATA], offsets[count])
    few = count <= len(rows)
    if few:
        room, most = offsets[count] - offsets[0] + _AROUND_TEXT * count, count
    else:
        room, most = _texts_room(offsets, words), len(rows)
    memo = np.full(count if few else 0, -1, np.int32)
    table = _roomy(table, most, room)
    _put_texts(table, offsets, data, words, memo, numbers)
    return table


@borrowing
def hash_of(data: U8, start: int, stop: int) -> np.uint64:
    """FNV-1a of 64 bits."""
    found = _FNV_START
    for place in range(start, stop):
        found = (found ^ np.uint64(data[place])) * _FNV_PRIME
    return found


@borrowing
def spread(store: U8, start: int, stop: int) -> np.uint64:
    """A number that differs where messages do, as far as can be; eight bytes at a time, the last twice."""
    found = np.uint64(stop - start)
    if stop - start < 8:
        for place in range(start, stop):
            found = found << _BYTE ^ np.uint64(store[place])
    else:
        at = start
        while at + 8 < stop:
            found = (found ^ np.uint64(little_64(store, at))) * _ODD
            found ^= found >> _HALF
            at += 8
        found ^= np.uint64(little_64(store, stop - 8))
    # a product passes differences upwards alone, so that they are brought down twice
    found *= _ODD
    found ^= found >> _HALF
    found *= _ODD
    return found ^ (found >> _HALF)


@borrowing
def _slot(slots: I32, starts: I64, store: U8, start: int, stop: int) -> int:
    """Where the message `store[start:stop]` stands, or where it is to stand."""
    mask = np.uint64(len(slots) - 1)
    at = spread(store, start, stop) & mask
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
def _enter(table: Table, end: int) -> int:
    """The number of the message between what is used of the store and `end`, kept where it is new."""
    slots, starts, store, used = table
    slot = _slot(slots, starts, store, used[_BYTES], end)
    if slots[slot] == 0:
        count = used[_COUNT]
        slots[slot] = count + 1
        starts[count], starts[count + 1] = used[_BYTES], end
        used[_COUNT], used[_BYTES] = count + 1, end
    return int(slots[slot] - 1)


@borrowing
def _texts_room(offsets: I64, words: I64) -> int:
    room = 0
    for word in words:
        if word >= 0:
            room += offsets[word + 1] - offsets[word] + _AROUND_TEXT
    return room


@borrowing
def _put_texts(table: Table, offsets: I64, data: U8, words: I64, memo: I32, numbers: I32) -> None:
    store, used = table.store, table.used
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
        at = used[_BYTES]
        store[at] = _VALUE
        place = put_varint(store, at + 1, 1 + varint_size(size) + size)
        store[place] = _STRING
        place = put_varint(store, place + 1, size)
        place = put_bytes(store, place, data, begin, end)
        numbers[row] = _enter(table, place)
        if len(memo):
            memo[word] = numbers[row]


@borrowing
def _put_numbers(table: Table, kind: int, values: I64, known: U8, rows: I64, numbers: I32) -> None:
    store, used = table.store, table.used
    last, before = -1, 0  # the number of the value before, and that: most are told in runs
    for k in range(len(rows)):
        row = rows[k]
        value = values[row]
        if kind == DOUBLE and value == _MINUS_ZERO:
            value = 0
        if (len(known) and not known[row]) or (
            kind == DOUBLE and np.uint64(value) & _HIGH == _HIGH  # no number, or infinite
        ):
            numbers[k] = -1
            continue
        if last >= 0 and before == value:
            numbers[k] = last
            continue
        at = used[_BYTES]
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
        last, before = _enter(table, place), value
        numbers[k] = last
