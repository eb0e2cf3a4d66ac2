"""Hash tables of row numbers, open addressing with linear probing: text to row without keeping the text.

Several tables stand one after another: table `k` has the slots `bounds[k]` to `bounds[k + 1]`. A slot is a
tag uint8 (0: empty; else eight bits of the hash) and a row int32. A row found is a candidate only: whoever
asks compares the bytes, and goes on from the next slot where they differ. Rows put in earlier are found
earlier, so of equal texts the first row wins.
"""

from __future__ import annotations

import numpy as np
from numba.experimental import structref

from compiling.structures import StructureType, define
from gis_service.kernels.compiled import I32, I64, U8, brief, compiled
from gis_service.kernels.texts import U32, U64, Int, hash_bytes

NOWHERE = -1


class _TablesType(StructureType):
    """Of `Tables`."""


class Tables(structref.StructRefProxy):
    """The tables, held by compiled code: to hand them over takes longer than to look something up."""

    tags: U8
    slot_rows: I32
    bounds: I64


define(Tables, _TablesType)


@compiled
def hold_tables(tags: U8, slot_rows: I32, bounds: I64) -> Tables:
    """Hand tables over for good."""
    return Tables(tags, slot_rows, bounds)  # type: ignore[no-untyped-call]


@compiled
def _tag(hashed: np.uint64) -> np.uint8:
    return np.uint8(hashed % np.uint64(255) + np.uint64(1))


@compiled
def _home(hashed: np.uint64, slots: Int) -> np.int64:
    # the upper half of the hash, scaled to the size of the table: no division, any size
    return np.int64(((hashed >> np.uint64(32)) * np.uint64(slots)) >> np.uint64(32))


@compiled
def put_in(tags: U8, slot_rows: I32, offsets: U32, data: U8, first_row: int) -> None:
    """Put the rows of one column into one table; the empty text is left out. The table must have room.

    Parameters
    ----------
    tags, slot_rows
        The table, changed in place.
    first_row
        The row number of the column's first row.
    """
    slots = tags.size
    for row in range(offsets.size - 1):
        first, stop = np.int64(offsets[row]), np.int64(offsets[row + 1])
        if first == stop:
            continue
        hashed = hash_bytes(data, first, stop)
        at = _home(hashed, slots)
        while tags[at] != 0:
            at = np.int64(at + 1 if at + 1 < slots else 0)
        tags[at] = _tag(hashed)
        slot_rows[at] = first_row + row


@compiled
def candidates(tags: U8, slot_rows: I32, hashes: U64, pending: I64, at: I64) -> I32:
    """The next row that may be each pending text, -1 where there is no more; int32 `(pending.size,)`.

    Parameters
    ----------
    hashes
        Of all texts asked for.
    pending
        Which of them to look up.
    at
        int64, for all texts: the slot to begin with, -1 for the home slot; moved on in place.
    """
    slots = tags.size
    found = np.full(pending.size, NOWHERE, np.int32)
    for k in range(pending.size):
        hashed = hashes[pending[k]]
        tag = _tag(hashed)
        slot = at[pending[k]]
        if slot < 0:
            slot = _home(hashed, slots)
        while tags[slot] != 0 and tags[slot] != tag:
            slot = slot + 1 if slot + 1 < slots else 0
        if tags[slot] != 0:
            found[k] = slot_rows[slot]
            at[pending[k]] = slot + 1 if slot + 1 < slots else 0
    return found


@brief
def first_candidate(tables: Tables, wanted: U8, from_table: int) -> tuple[int, np.int64, np.int64, int]:
    """The first table, from one on, with a candidate for a text; and which tables have one.

    Returns
    -------
    table, candidate, after : the first of these tables, its candidate and the slot after it; -1: none
    next_table : the next table that has a candidate; -1: none
    """
    tags, slot_rows, bounds = tables.tags, tables.slot_rows, tables.bounds
    hashed = hash_bytes(wanted, 0, wanted.size)
    at, row, after = -1, np.int64(NOWHERE), np.int64(NOWHERE)
    for table in range(from_table, bounds.size - 1):
        first, slots = bounds[table], bounds[table + 1] - bounds[table]
        found, behind = _next(tags, slot_rows, first, slots, hashed, _home(hashed, slots))
        if found < 0:
            continue
        if at >= 0:
            return at, row, after, table
        at, row, after = table, found, behind
    return at, row, after, -1


@brief
def next_candidate(tables: Tables, table: int, wanted: U8, at: Int) -> tuple[np.int64, np.int64]:
    """The candidate from slot `at` of a table on (-1: its home slot), and the slot after it; -1: none."""
    tags, slot_rows, bounds = tables.tags, tables.slot_rows, tables.bounds
    hashed = hash_bytes(wanted, 0, wanted.size)
    slots = bounds[table + 1] - bounds[table]
    begin = _home(hashed, slots) if at < 0 else np.int64(at)
    return _next(tags, slot_rows, bounds[table], slots, hashed, begin)


@compiled
def _next(
    tags: U8, slot_rows: I32, first: Int, slots: Int, hashed: np.uint64, at: Int
) -> tuple[np.int64, np.int64]:
    tag = _tag(hashed)
    while tags[first + at] != 0:
        after = at + 1 if at + 1 < slots else 0
        if tags[first + at] == tag:
            return np.int64(slot_rows[first + at]), np.int64(after)
        at = after
    return np.int64(NOWHERE), np.int64(NOWHERE)
