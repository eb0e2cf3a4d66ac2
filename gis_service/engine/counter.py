"""The question asked most: who loses supply when elements go out, counted or listed, in one call.

For a small question the way through Python is the cost, so all that the answer is made of is handed to
compiled code once for each world. Knows edges; refuses what it is not made for (`Counter.of` gives nothing):
a network with a forest for each phase, and power that does not add up exactly.
"""

from __future__ import annotations

import threading

import numpy as np
from numba.experimental import structref

from compiling import B1, I64, U8, brief, compiled
from compiling.moving import literal, put
from compiling.structures import StructureType, define
from gis_service.engine.counted_rows import COUNTED, FEW, NO_KVA, CountedArrays, tally, write_counts
from gis_service.engine.district_rows import are_among, write_districts
from gis_service.engine.page import Page
from gis_service.engine.shelf import begin_answer, write_listed
from gis_service.engine.tallies import Tallies, Tally
from gis_service.kernels.held import Held
from gis_service.kernels.question import few_lost_in_question
from gis_service.network.switching import SwitchState
from gis_service.network.topology import Topology

NONE_OPENED, DISTRICTS, CUSTOMERS = ',"opened":[]', ',"districts":[', ',"customers":['
"""What stands in an answer behind the counts."""

MOST_LISTED = FEW
"""Customers that are listed while all other threads wait."""

MOST_TEXT = 1 << 22
"""Bytes of the longest answer with lists that is written in one call."""

_NONE_OPENED, _DISTRICTS, _CUSTOMERS, _END = map(literal, (NONE_OPENED, DISTRICTS, CUSTOMERS, "]"))
_TAIL_ROOM = _CUSTOMERS.size + 2 * _END.size
"""Bytes that are left for what stands behind a list, with what a moving copy overshoots."""


class _GroundType(StructureType):
    """Of `Ground`."""


class Ground(structref.StructRefProxy):
    """A network, how its switches stand, and how its customers are counted, held by compiled code."""

    held: Held
    open: B1
    moved: I64
    counted: CountedArrays


define(Ground, _GroundType)


@compiled
def _ground(held: Held, open: B1, moved: I64, counted: CountedArrays) -> Ground:
    return Ground(held, open, moved, counted)  # type: ignore[no-untyped-call]


@brief
def _lost(ground: Ground, gone: I64, most: int) -> tuple[bool, I64]:
    return few_lost_in_question(ground.held, ground.open, ground.moved, gone, most)


@brief
def _write_lost(ground: Ground, gone: I64, most: int, out: U8) -> int:
    """Count who loses supply when edges are gone, and write it; where it ends, 0 if they are too many."""
    found, rows = _lost(ground, gone, most)
    if not found:
        return 0
    counted = ground.counted
    counties, _, together = tally(rows, counted.stops, counted.grade, counted.power, counted.district)
    return write_counts(out, counties, together, counted.unit, NO_KVA, counted.code_ends, counted.codes)


@brief
def _lost_and_counted(ground: Ground, gone: I64, most: int, out: U8) -> tuple[int, I64, I64, I64, int]:
    """Who loses supply, what `tally` says of them, and where that, written, ends; 0 if they are too many."""
    found, rows = _lost(ground, gone, most)
    counted = ground.counted
    counties, districts, together = tally(rows, counted.stops, counted.grade, counted.power, counted.district)
    end = 0
    if found:
        end = write_counts(out, counties, together, counted.unit, NO_KVA, counted.code_ends, counted.codes)
    return end, rows, counties, districts, together


@brief
def _write_lists(
    ground: Ground, page: Page, gone: I64, most: int, districts: bool, customers: bool, out: U8
) -> int:
    """Write counts and lists; where they end, 0 if who loses supply are too many, or not on the page.

    Too many are also those of whom too many have no text on the shelf.
    """
    found, rows = _lost(ground, gone, most)
    if not found or (rows.size and not page.first <= rows[0] <= rows[-1] < page.stop):
        return 0
    counted = ground.counted
    counties, of, together = tally(rows, counted.stops, counted.grade, counted.power, counted.district)
    if not are_among(of, page.districts):
        return 0
    at = write_counts(out, counties, together, counted.unit, NO_KVA, counted.code_ends, counted.codes)
    at = put(out, at, _NONE_OPENED)
    within = out[:-_TAIL_ROOM]
    if districts:
        at = write_districts(within, put(out, at, _DISTRICTS), of, counted.unit, page.districts)
        if at < 0:
            return 0
        at = put(out, at, _END)
    if customers:
        begin = at = put(out, at, _CUSTOMERS)
        begin_answer(page.shelf)
        place, ends = 0, np.empty(rows.size, np.int64)
        for k in range(counties.shape[0]):
            stop = place + counties[k, COUNTED]
            county = counties[k, 0]
            lead = page.leads[page.lead_ends[county] : page.lead_ends[county + 1]]
            place, at = write_listed(
                within, at, rows, place, stop, page.plain, lead, page.columns, page.names, page.shelf, ends
            )
            if place < stop:
                return 0
        at = put(out, at if at == begin else at - 1, _END)  # without the last comma
    out[at] = np.uint8(125)
    return at + 1


class Counter:
    """Counts what elements put out in one state of the switches; safe for threads."""

    def __init__(self, ground: Ground, tallies: Tallies) -> None:
        self._ground = ground
        self._tallies = tallies
        self._room = tallies.room(tallies.arrays.stops.size)
        self._held = threading.local()

    @classmethod
    def of(cls, topology: Topology, state: SwitchState, tallies: Tallies) -> Counter | None:
        """The counter of a state of the switches; None where they are counted another way."""
        if len(topology.forests) != 1 or not tallies.exact:
            return None
        moved = state.moved_from(topology.switchgear.normal_open)
        ground = _ground(topology.held[0], state.open, moved, tallies.arrays)
        return cls(ground, tallies)

    def text(self, edges: I64) -> bytes | None:
        """The members `affected` and `by_county` of the answer; None for a long count.

        Parameters
        ----------
        edges
            Ascending, each once.
        """
        out, view = self._buffer()
        end = _write_lost(self._ground, edges, FEW, out)
        return bytes(view[:end]) if end else None

    def lost(self, edges: I64) -> tuple[I64, Tally] | None:
        """Rows of the customers, ascending, and their counts; None where they are many."""
        out, view = self._buffer()
        end, rows, counties, districts, together = _lost_and_counted(self._ground, edges, FEW, out)
        if not end:
            return None
        return rows, Tally(self._tallies, rows, counties, districts, together, bytes(view[:end]))

    def lists(self, edges: I64, page: Page, *, districts: bool, customers: bool) -> bytes | None:
        """The answer from `affected` on; None where they are many, or some are not on the page.

        Parameters
        ----------
        edges
            Ascending, each once.
        districts, customers
            Which of the lists are wanted.
        """
        try:
            out: U8 = self._held.listed
        except AttributeError:
            out = self._held.listed = np.empty(MOST_TEXT + self._room, np.uint8)
        end = _write_lists(self._ground, page, edges, MOST_LISTED, districts, customers, out)
        return out[:end].tobytes() if end else None

    def _buffer(self) -> tuple[U8, memoryview]:
        """The calling thread's room for the text of counts."""
        try:
            found: tuple[U8, memoryview] = self._held.buffer
        except AttributeError:
            out = np.empty(self._room, np.uint8)
            found = self._held.buffer = out, out.data
        return found
