"""Texts that are kept: what comes off the shelf is what is written anew, however little there is room for.

`write_customers`, which keeps nothing, is the oracle.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

from gis_service.engine import shelf as shelves
from gis_service.engine.customer_columns import write_customers
from gis_service.engine.pages import county_lead
from gis_service.engine.shelf import MOST_NEW, Shelf, begin_answer, empty_shelf, write_listed
from gis_service.kernels.compiled import I64
from tests.engine.test_outage_text import crowd, engine_over

CUSTOMERS = 60
NO_ENDS: I64 = np.empty(0, np.int64)


class Desk:
    """Writes rows of a crowd, with a shelf and without."""

    def __init__(self, size: int, customers: int = CUSTOMERS) -> None:
        scene = engine_over(crowd(customers)).scene()
        self.page = scene.world.listing.pages.open(0)
        self.lead = county_lead(scene.topology.tables.customers.county[0])
        self.shelf: Shelf = empty_shelf(customers, size)

    def anew(self, rows: I64) -> bytes:
        out = np.empty(400 * (rows.size + 2), np.uint8)
        columns, names = self.page.columns, self.page.names
        place, at = write_customers(out, 0, rows, 0, rows.size, True, self.lead, columns, names, NO_ENDS)
        assert place == rows.size
        return out[:at].tobytes()

    def kept(self, rows: I64, room: int = 1 << 21) -> tuple[int, bytes]:
        begin_answer(self.shelf)
        out = np.empty(room, np.uint8)
        columns, names, ends = self.page.columns, self.page.names, np.empty(rows.size, np.int64)
        place, at = write_listed(
            out, 0, rows, 0, rows.size, True, self.lead, columns, names, self.shelf, ends
        )
        assert at <= room
        return place, out[:at].tobytes()


def some_rows(draw: random.Random) -> I64:
    return np.array(sorted(draw.sample(range(CUSTOMERS), draw.randrange(CUSTOMERS))), np.int64)


@pytest.mark.parametrize("size", [0, 150, 500, 3_000, 1 << 20])
def test_what_is_kept_is_what_is_written(size: int) -> None:
    draw, desk = random.Random(size), Desk(size)
    for _ in range(300):
        rows = some_rows(draw)
        assert desk.kept(rows) == (rows.size, desk.anew(rows))
    used, term, *_ = desk.shelf.state.tolist()
    assert used <= size
    assert (term > 20) == (size < 3_001)  # forgotten over and over, where not all fit in


def test_a_full_buffer_ends_at_a_whole_row_on_the_shelf_or_not() -> None:
    draw, desk = random.Random(3), Desk(3_000)
    for _ in range(300):
        rows = some_rows(draw)
        place, text = desk.kept(rows, room=draw.randrange(3_000))
        assert text == desk.anew(rows[:place])


def test_terms_begin_again_and_what_was_kept_long_ago_is_not_taken() -> None:
    desk = Desk(500)
    first, others = np.arange(2), np.arange(2, CUSTOMERS)
    desk.kept(first)
    places = desk.shelf.places[:2].copy()
    desk.shelf.state[1] = shelves._LAST_TERM
    desk.kept(others)  # fills the shelf many times over
    desk.kept(others)  # forgets, and the terms begin again
    assert desk.shelf.state[1] < shelves._LAST_TERM
    assert (desk.shelf.places[:2] != places).all()
    for rows in (first, others, first):
        assert desk.kept(rows) == (rows.size, desk.anew(rows))


def test_who_asks_for_many_new_ones_gets_further_each_time() -> None:
    number = 2 * MOST_NEW + 10
    desk = Desk(1 << 22, customers=number)
    rows = np.arange(number)
    whole = desk.anew(rows)
    for many in (MOST_NEW, 2 * MOST_NEW, number, number):
        place, text = desk.kept(rows)
        assert place == many
        assert text == whole[: len(text)]
    assert text == whole


def test_a_full_shelf_stays_as_it_is_and_does_not_begin_what_it_cannot_end() -> None:
    number = MOST_NEW + 3_000
    desk = Desk(300_000, customers=number)
    rows = np.arange(number)
    assert desk.kept(rows)[0] == MOST_NEW  # a quarter of them are kept
    state, places = desk.shelf.state.tolist(), desk.shelf.places.copy()
    assert desk.kept(rows) == (0, b"")
    few = rows[:100]
    assert desk.kept(few) == (100, desk.anew(few))
    assert desk.shelf.state.tolist()[:2] == state[:2]
    assert (desk.shelf.places == places).all()
    some = np.flatnonzero(places)
    assert 500 < some.size < 2_000
    desk.kept(some)
    assert desk.shelf.state[2] == 0  # none of them written anew
