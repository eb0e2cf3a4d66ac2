"""Customers and districts as the JSON text of answers, in pieces of bounded size.

The text says what `customers_of` and `districts_of` say, of any number of rows: it is written out of the
columns, county by county, and only one piece of it is in memory at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from compiling import I64, U8
from gis_service.engine.columns import Rows
from gis_service.engine.customer_columns import Names, hold_names, write_customers
from gis_service.engine.customer_rows import is_plain
from gis_service.engine.district_rows import described
from gis_service.engine.pages import Opened, Pages, county_lead, no_names
from gis_service.engine.tallies import Tally
from gis_service.network.joined import JoinedTexts
from gis_service.network.texts import Texts, frozen
from gis_service.network.topology import Topology

PIECE_BYTES = 1 << 18
_MOST_DISTRICTS = 100_000
_NO_ENDS: I64 = np.empty(0, np.int64)


class Listing:
    """Writes the customers and districts of one topology; safe for threads.

    Parameters
    ----------
    topology
        Whose customers they are.
    district_sizes
        Customers of each district, int64 `(n_districts,)`.
    codes
        Of all counties, in the order that customers are counted in.

    Attributes
    ----------
    pages
        The columns that it writes from.
    """

    def __init__(
        self, topology: Topology, district_sizes: npt.NDArray[np.int64], codes: Sequence[str]
    ) -> None:
        self._topology = topology
        self._sizes = district_sizes
        self._districts: dict[int, tuple[bytes, bytes]] = {}
        self.pages = Pages(topology, district_sizes, codes)

    def customers(self, rows: Rows, tally: Tally) -> Iterator[bytes]:
        """Customers with commas between them, in pieces; `rows` ascend, and `tally` is theirs."""
        names, plain = self._names(tally.districts)
        of, open = self.pages.part_of_customer, self.pages.open
        opened = ((open(of(int(rows[cut.first]))), cut) for cut in self._cuts(rows, tally))
        return _written(rows, names, plain, opened)

    def districts(self, tally: Tally) -> bytes:
        """Districts with commas between them."""
        known = self._districts
        missing = [row for row in tally.districts if row not in known]
        if missing:
            if len(known) + len(missing) > _MOST_DISTRICTS:
                known = self._districts = {}
                missing = tally.districts
            table = self._topology.tables.districts
            known.update(zip(missing, described(table, self._sizes, missing), strict=True))
        return b",".join(
            [
                b"%b%d%b%b}" % (known[row][0], customers, known[row][1], repr(kva).encode())
                for row, customers, kva in zip(tally.districts, tally.customers, tally.kva, strict=True)
            ]
        )

    def _names(self, districts: Sequence[int]) -> tuple[Names, bool]:
        """The ids of some districts, ascending, and whether they are plain; a page where one has them all."""
        if not districts:
            return no_names(), True
        of, ids = self.pages.part_of_district, self._topology.tables.districts.id
        if of(districts[-1]) != of(districts[0]):
            rows = np.array(districts, np.int64)
            taken = Texts.of(ids[rows])
            held = hold_names(0, frozen(rows, np.int64), taken.offsets, taken.data)
            return held, is_plain(taken.data)
        opened = self.pages.open(of(districts[0]))
        return opened.names, opened.names_plain

    def _cuts(self, rows: Rows, tally: Tally) -> Iterator[_Cut]:
        """Places of rows that lie in one county and in one part of the columns."""
        ids = self._topology.tables.customers.id
        for county, (first, stop) in tally.runs.items():
            if isinstance(ids, JoinedTexts):
                while ids.parts.part_of(int(rows[stop - 1])) != (part := ids.parts.part_of(int(rows[first]))):
                    cut = int(np.searchsorted(rows, ids.parts.firsts[part + 1]))
                    yield _Cut(county, first, cut)
                    first = cut
            yield _Cut(county, first, stop)


class _Cut(NamedTuple):
    """Places `[first, stop)` among rows."""

    county: str
    first: int
    stop: int


_held = threading.local()


def _buffer() -> U8:
    """The calling thread's buffer: fresh memory costs more than what is written to it."""
    try:
        out: U8 = _held.out
    except AttributeError:
        out = _held.out = np.empty(PIECE_BYTES, np.uint8)
    return out


def _written(
    rows: Rows, names: Names, names_plain: bool, opened: Iterable[tuple[Opened, _Cut]]
) -> Iterator[bytes]:
    """Customers out of columns that are open, in pieces."""
    comma = b""
    out, at = _buffer(), 0
    for held, (county, first, stop) in opened:
        plain, lead = names_plain and held.plain, county_lead(county)
        while True:
            first, at = write_customers(
                out, at, rows, first, stop, plain, lead, held.columns, names, _NO_ENDS
            )
            if first == stop:
                break
            if at:
                yield comma + out[: at - 1].tobytes()
                # whoever reads on may be another thread
                comma, out, at = b",", _buffer(), 0
            else:  # one row is longer than the buffer
                out = np.empty(2 * out.size, np.uint8)
    if at:
        yield comma + out[: at - 1].tobytes()
