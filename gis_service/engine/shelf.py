"""Texts of customers that were listed before, kept while there is room to be copied.

What is told of a customer follows from the tables alone, so a text is right for as long as these are. For
compiled code that keeps the GIL, which is the lock. A full shelf stays as it is, for to keep costs as much
as to copy what is kept; only once many times as much was written anew is all forgotten, as others may be
asked for now.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compiling import I64, U8, borrowing, compiled
from compiling.moving import STRIDE, copy
from gis_service.engine.customer_columns import Columns, Names, write_customers

SHELF_BYTES = 1 << 26
"""Of texts: about 290,000 customers. Memory that is not written to is not taken."""

WORN_OUT = 8
"""How often a full shelf's bytes are written anew before all of it is forgotten."""

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
    state : int64 `(4,)`: bytes of `data` that are used; the term, counted up when all is forgotten; how many
        were written anew for this answer; bytes that were written anew and not kept in this term
    """

    data: U8
    places: I64
    state: I64


def empty_shelf(customers: int, size: int = SHELF_BYTES) -> Shelf:
    """A shelf for the texts of so many customers."""
    return Shelf(np.empty(size + STRIDE, np.uint8), np.zeros(customers, np.int64), np.array([0, 1, 0, 0]))


@borrowing
def begin_answer(shelf: Shelf) -> None:
    """Nothing was written anew for this answer yet."""
    shelf.state[2] = 0


@borrowing
def _forget(shelf: Shelf) -> None:
    shelf.state[0] = shelf.state[3] = 0
    shelf.state[1] += 1
    if shelf.state[1] > _LAST_TERM:
        shelf.state[1] = 1
        shelf.places[:] = 0


@borrowing
def _keep(shelf: Shelf, rows: I64, place: int, stop: int, ends: I64, out: U8, begin: int) -> None:
    """Keep the texts of `rows[place:stop]`, which stand in `out[begin:]` and end at `ends`."""
    data, state = shelf.data, shelf.state
    if state[3] > WORN_OUT * data.size:
        _forget(shelf)
    for k in range(place, stop):
        end = ends[k]
        length = end - begin
        if state[0] + length + STRIDE > data.size:
            state[3] += ends[stop - 1] - begin
            return
        if length <= _LENGTH:
            start, term = state[0], state[1]
            copy(data, start, out, begin, end)
            shelf.places[rows[k]] = (term << _TERM_SHIFT) | (start << _LENGTH_BITS) | length
            state[0] = start + length
        begin = end


@borrowing
def _are_too_many(shelf: Shelf, rows: I64, place: int, stop: int) -> bool:
    """Whether more than `MOST_NEW` would have to be written, of which none could be kept."""
    if shelf.state[3] == 0 or stop - place <= MOST_NEW - shelf.state[2]:
        return False
    new = shelf.state[2]
    for k in range(place, stop):
        new += shelf.places[rows[k]] >> _TERM_SHIFT != shelf.state[1]
    return bool(new > MOST_NEW)


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
    Those that were are kept, so whoever asks again gets further; with a full shelf it ends before it begins.

    Parameters
    ----------
    ends
        Room for as many numbers as there are rows.
    """
    data, places, state = shelf.data, shelf.places, shelf.state
    if _are_too_many(shelf, rows, place, stop):
        return place, at
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
