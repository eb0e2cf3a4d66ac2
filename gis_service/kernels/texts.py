"""Text as bytes: rows gathered, compared and hashed without making a string of any of them.

A column is `offsets` uint32 `(n + 1,)` into `data` uint8, UTF-8. Both are read-only, always: each kernel is
compiled for that alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gis_service.kernels.compiled import B1, I64, U8, compiled

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
Int = int | np.int64


@compiled
def gather(offsets: U32, data: U8, rows: I64) -> tuple[U32, U8]:
    """The column of some rows, negative ones counted from the end: O(bytes gathered).

    Where a row is out of range the offsets that come back are empty.
    """
    n = offsets.size - 1
    taken = np.empty(rows.size + 1, np.uint32)
    taken[0] = 0
    total = np.int64(0)
    for k in range(rows.size):
        row = rows[k] + n if rows[k] < 0 else rows[k]
        if row < 0 or row >= n:
            return np.empty(0, np.uint32), np.empty(0, np.uint8)
        total += np.int64(offsets[row + 1]) - np.int64(offsets[row])
        taken[k + 1] = total
    out = np.empty(total, np.uint8)
    at = 0
    for k in range(rows.size):
        row = rows[k] + n if rows[k] < 0 else rows[k]
        for j in range(np.int64(offsets[row]), np.int64(offsets[row + 1])):
            out[at] = data[j]
            at += 1
    return taken, out


@compiled
def equal_to(offsets: U32, data: U8, wanted: U8) -> B1:
    """Which rows are exactly the wanted bytes, bool `(n,)`."""
    n = offsets.size - 1
    same = np.zeros(n, np.bool_)
    for row in range(n):
        first = np.int64(offsets[row])
        if np.int64(offsets[row + 1]) - first != wanted.size:
            continue
        same[row] = True
        for j in range(wanted.size):
            if data[first + j] != wanted[j]:
                same[row] = False
                break
    return same


@compiled
def equal_rows(offsets: U32, data: U8, rows: I64, to_offsets: U32, to_data: U8, to_rows: I64) -> B1:
    """Which pairs of rows of two columns hold the same bytes, bool `(rows.size,)`."""
    same = np.zeros(rows.size, np.bool_)
    for k in range(rows.size):
        first, there = np.int64(offsets[rows[k]]), np.int64(to_offsets[to_rows[k]])
        length = np.int64(offsets[rows[k] + 1]) - first
        if np.int64(to_offsets[to_rows[k] + 1]) - there != length:
            continue
        same[k] = True
        for j in range(length):
            if data[first + j] != to_data[there + j]:
                same[k] = False
                break
    return same


@compiled
def is_rising(offsets: U32, data: U8) -> bool:
    """Whether no row comes before the one above it, by bytes: the order of code points."""
    for row in range(offsets.size - 2):
        a, b, end = np.int64(offsets[row]), np.int64(offsets[row + 1]), np.int64(offsets[row + 2])
        shared = min(b - a, end - b)
        order = 0
        for j in range(shared):
            if data[a + j] != data[b + j]:
                order = 1 if data[a + j] > data[b + j] else -1
                break
        if order > 0 or (order == 0 and b - a > end - b):
            return False
    return True


@compiled
def hash_bytes(data: U8, first: Int, stop: Int) -> np.uint64:
    """64 bits that depend on every byte of `data[first:stop]` and on how many there are.

    Eight bytes a step, each multiplied in and folded; the finish is that of MurmurHash3.
    """
    factor = np.uint64(0x9E3779B97F4A7C15)
    half = np.uint64(32)
    mixed = np.uint64(stop - first) * np.uint64(0xFF51AFD7ED558CCD) ^ np.uint64(0x2545F4914F6CDD1D)
    j = first
    while j + 8 <= stop:
        word = (
            np.uint64(data[j])
            | np.uint64(data[j + 1]) << np.uint64(8)
            | np.uint64(data[j + 2]) << np.uint64(16)
            | np.uint64(data[j + 3]) << np.uint64(24)
            | np.uint64(data[j + 4]) << np.uint64(32)
            | np.uint64(data[j + 5]) << np.uint64(40)
            | np.uint64(data[j + 6]) << np.uint64(48)
            | np.uint64(data[j + 7]) << np.uint64(56)
        )
        mixed = (mixed ^ word) * factor
        mixed ^= mixed >> half
        j += 8
    word = np.uint64(0)
    shift = np.uint64(0)
    while j < stop:
        word |= np.uint64(data[j]) << shift
        shift += np.uint64(8)
        j += 1
    mixed = (mixed ^ word) * factor
    mixed ^= mixed >> half
    mixed *= np.uint64(0xC4CEB9FE1A85EC53)
    mixed ^= mixed >> np.uint64(33)
    return mixed


@compiled
def hash_rows(offsets: U32, data: U8) -> U64:
    """The hash of every row, uint64 `(n,)`."""
    hashes = np.empty(offsets.size - 1, np.uint64)
    for row in range(hashes.size):
        hashes[row] = hash_bytes(data, np.int64(offsets[row]), np.int64(offsets[row + 1]))
    return hashes
