"""Texts of customers that were listed before, kept while there is room to be copied.

What is told of a customer follows from the tables alone, so a text is right for as long as these are. For
compiled code that keeps the GIL, which is the lock. When the shelf is full all of it is forgotten: what is
asked for again is soon there again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compiling import I64, U8, borrowing, compiled
from compiling.moving import STRIDE, copy
from gis_service.engine.customer_columns import Columns, Names, write_customers

SHELF_BYTES = 1 << 26
"""Of texts: about 290,000 customers. Memory that is not written to is not taken."""

MOST_NEW = 4_000
"""Customers that are written anew for one answer: half a millisecond."""

_LENGTH_BITS, _START_BITS = 16, 32
_LENGTH, _START = (1 << _LENGTH_BITS) - 1, (1 << _START_BITS) - 1
_TERM_SHIFT = _LENGTH_BITS + _START_BITS
_LAST_TERM = (1 << 63 - _TERM_SHIFT) - 1


class Shelf(NamedTuple):
    """What is kept, as compiled code takes it.

    data : uint8, texts one after another, each with the comma behind it
    places : int64 `(n_customers,)`: term, start and length of each one's text, the term being another one
        where it is not kept
    state : int64 `(3,)`: bytes of `data` that are used; the term, counted up when all is forgotten; how many
        were written anew for this answer
    """

    data: U8
    places: I64
    state: I64


def empty_shelf(customers: int, size: int = SHELF_BYTES) -> Shelf:
    """A shelf for the texts of so many customers."""
    return Shelf(np.empty(size + STRIDE, np.uint8), np.zeros(customers, np.int64), np.array([0, 1, 0]))


@borrowing
def begin_answer(shelf: Shelf) -> None:
    """Nothing was written anew for this answer yet."""
    shelf.state[2] = 0


@borrowing
def _forget(shelf: Shelf) -> None:
    shelf.state[0] = 0
    shelf.state[1] += 1
    if shelf.state[1] > _LAST_TERM:
        shelf.state[1] = 1
        shelf.places[:] = 0


@borrowing
def _keep(shelf: Shelf, rows: I64, place: int, stop: int, ends: I64, out: U8, begin: int) -> None:
    """Keep the texts of `rows[place:stop]`, which stand in `out[begin:]` and end at `ends`."""
    data = shelf.data
    for k in range(place, stop):
        end = ends[k]
        length = end - begin
        if length <= _LENGTH and length + STRIDE <= data.size:
            if shelf.state[0] + length + STRIDE > data.size:
                _forget(shelf)
            start, term = shelf.state[0], shelf.state[1]
            copy(data, start, out, begin, end)
            shelf.places[rows[k]] = (term << _TERM_SHIFT) | (start << _LENGTH_BITS) | length
            shelf.state[0] = start + length
        begin = end


@compiled
def write_listed(
    out: U8,
    at: int,
    rows: I64,
    place: int,
    stop: int,
    plain: bool,
    county: U8,
    columns: Columns,
    names: Names,
    shelf: Shelf,
    ends: I64,
) -> tuple[int, int]:
    """Write what `write_customers` writes, out of the shelf where it is there; keep it there where not.

    Ends early, as with a full buffer, where more than `MOST_NEW` would be written anew since `begin_answer`.
    Those that were are kept, so whoever asks again gets further.

    Parameters
    ----------
    ends
        Room for as many numbers as there are rows.
    """
    data, places, state = shelf.data, shelf.places, shelf.state
    while place < stop:
        kept = places[rows[place]]
        if kept >> _TERM_SHIFT == state[1]:
            start, length = (kept >> _LENGTH_BITS) & _START, kept & _LENGTH
            if out.size - at < length + STRIDE:
                break
            at = copy(out, at, data, start, start + length)
            place += 1
            continue
        new = place + 1
        while new < stop and places[rows[new]] >> _TERM_SHIFT != state[1]:
            new += 1
        new = min(new, place + MOST_NEW - state[2])
        if new == place:
            break
        begin = at
        done, at = write_customers(out, at, rows, place, new, plain, county, columns, names, ends)
        _keep(shelf, rows, place, done, ends, out, begin)
        state[2] += done - place
        place = done
        if done < new:
            break
    return place, at
