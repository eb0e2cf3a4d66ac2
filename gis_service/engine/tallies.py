"""Customers counted: how many, how important, in how many districts, with how much power, by county.

Knows of every customer a grade, a district, a county and its contracted power, kept as numbers beside the
tables: a count costs a few nanoseconds a customer and makes no string. Power is added as whole numbers of a
small unit, so a sum depends neither on the order of rows nor on how the province is cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from compiling import I64, U8
from compiling.moving import STRIDE
from gis_service.engine.columns import Answer, Rows
from gis_service.engine.counted_rows import (
    COUNT_ROOM,
    COUNTED,
    FEW,
    NO_KVA,
    POWER,
    CountedArrays,
    tally,
    tally_few,
    write_counts,
)
from gis_service.ingest.spec import CRITICAL_GRADES
from gis_service.network.columns import Coded, runs
from gis_service.network.joined import JoinedTexts
from gis_service.network.tables import Floats
from gis_service.network.texts import frozen
from gis_service.network.topology import Topology

_NO_GRADE = len(CRITICAL_GRADES)
_UNITS = (1_000, 1_000_000)
"""Parts of a kVA that sums are counted in: the first in which every customer's power is a whole number."""

_EXACT = 2**53


class Tally:
    """Some customers counted; counties and districts in order, only those that have any of the customers.

    Parameters
    ----------
    rows
        The customers, ascending.
    counties, districts, together
        What `counted_rows.tally` says of them.
    text
        What `text` is to be, where that was written already.

    Attributes
    ----------
    districts, customers, kva
        Rows of the districts, and how many of the customers and how much of their power each has.
    """

    def __init__(
        self,
        tallies: Tallies,
        rows: Rows,
        counties: I64,
        districts: I64,
        together: int,
        text: bytes | None = None,
    ) -> None:
        self._tallies = tallies
        self._rows = rows
        self._counties = counties
        self._together = together
        self._text = text
        self.districts: list[int]
        self.customers: list[int]
        self.districts, self.customers, powers = districts.tolist()
        self.kva: list[float] = tallies.kva_of_districts(self.districts, powers, rows)

    @property
    def text(self) -> bytes:
        """The members `affected` and `by_county` of an answer, as JSON."""
        if self._text is not None:
            return self._text
        held = self._tallies.arrays
        out = np.empty(self._tallies.room(len(self._counties)), np.uint8)
        kva = NO_KVA
        if not self._tallies.exact:
            kva = frozen(np.array([*self._kva_of_counties, self._total_kva]), np.float64)
        end = write_counts(out, self._counties, self._together, held.unit, kva, held.code_ends, held.codes)
        return out[:end].tobytes()

    @property
    def total(self) -> Answer:
        """All of them, as answers show it."""
        count = self._counties[:, 1 : 1 + COUNTED].sum(axis=0).tolist()
        return _told(count, self._together, self._total_kva)

    @property
    def by_county(self) -> dict[str, Answer]:
        """The same by county code."""
        return {
            self._tallies.codes[county]: _told(count, count[-2], kva)
            for (county, *count, _), kva in zip(self._counties.tolist(), self._kva_of_counties, strict=True)
        }

    @property
    def runs(self) -> dict[str, tuple[int, int]]:
        """County code → `(first, stop)` places of its customers among the rows counted."""
        found: dict[str, tuple[int, int]] = {}
        first = 0
        for row in self._counties.tolist():
            stop = first + row[COUNTED]
            found[self._tallies.codes[row[0]]] = first, stop
            first = stop
        return found

    @property
    def _kva_of_counties(self) -> list[float]:
        tallies = self._tallies
        if tallies.exact:
            return [power / tallies.arrays.unit for power in self._counties[:, POWER].tolist()]
        return [tallies.summed(self._rows[first:stop]) for first, stop in self.runs.values()]

    @property
    def _total_kva(self) -> float:
        tallies = self._tallies
        if tallies.exact:
            return int(self._counties[:, POWER].sum()) / tallies.arrays.unit
        return tallies.summed(self._rows)


class Tallies:
    """What counting needs to know of the customers of a topology; 9 to 13 bytes a customer.

    Attributes
    ----------
    codes
        Of the counties, in order.
    arrays
        Read-only, as compiled code takes them.
    """

    def __init__(self, topology: Topology) -> None:
        customers = topology.tables.customers
        counties = runs(customers.county)
        self.codes = [code for code, _, _ in counties]
        self._kva = customers.contracted_kva
        unit, power = _in_units(customers.contracted_kva)
        texts = [orjson.dumps(code) + b":" for code in self.codes]
        self.arrays = CountedArrays(
            stops=frozen(np.array([stop for _, _, stop in counties]), np.int64),
            grade=frozen(_grades(customers.critical_grade, len(customers)), np.uint8),
            power=frozen(power, power.dtype),
            district=frozen(topology.customer_district, np.int32),
            unit=unit,
            code_ends=frozen(np.array([0, *accumulate(map(len, texts))]), np.int64),
            codes=np.frombuffer(b"".join(texts) + bytes(STRIDE), np.uint8),
        )

    @property
    def exact(self) -> bool:
        """Whether sums of power are sums of whole numbers."""
        return self.arrays.power.size > 0

    def room(self, counties: int) -> int:
        """Bytes that the text of the counts of so many counties takes at most."""
        return COUNT_ROOM * (counties + 1) + self.arrays.codes.size

    def of(self, rows: Rows) -> Tally:
        """Customers counted; `rows` ascend. O(rows), and O(districts log districts) among them."""
        count = tally_few if rows.size <= FEW else tally
        return Tally(self, rows, *count(rows, *self.arrays[:4]))

    def summed(self, rows: Rows) -> float:
        """Power of some customers, where it cannot be added up as whole numbers."""
        return round(math.fsum(self._kva[rows].tolist()), 6)

    def kva_of_districts(self, districts: list[int], powers: list[int], rows: Rows) -> list[float]:
        """Power of some customers by district; `powers` are what `tally` summed up."""
        if self.exact:
            unit = self.arrays.unit
            return [power / unit for power in powers]
        of = self.arrays.district[rows]
        return [self.summed(rows[of == district]) for district in districts]


def _told(count: Sequence[int], districts: int, kva: float) -> Answer:
    return {
        "customers": count[-1],
        "critical": dict(zip(CRITICAL_GRADES, count, strict=False)),
        "transformer_districts": districts,
        "contracted_kva": kva,
    }


def _grades(column: Any, size: int) -> U8:
    """Each customer's place in `CRITICAL_GRADES`, or the one behind them."""
    codes = np.empty(size, np.uint8)
    for first, part in _parts(column):
        coded = Coded.of(part)
        places = [CRITICAL_GRADES.index(word) if word else _NO_GRADE for word in coded.words]
        codes[first : first + len(coded)] = np.array([*places, _NO_GRADE], np.uint8)[coded.codes]
    return codes


def _parts(column: Any) -> Iterator[tuple[int, Any]]:
    if isinstance(column, JoinedTexts):
        yield from column.parts
    else:
        yield 0, column


def _in_units(kva: Floats) -> tuple[int, npt.NDArray[np.integer[Any]]]:
    """Power as whole numbers of a unit; empty where some customer's is finer, or too much to add up."""
    values = np.asarray(kva)
    for unit in _UNITS:
        with np.errstate(over="ignore"):
            whole = np.rint(values * unit)
        if np.abs(whole).sum() < _EXACT and bool((whole / unit == values).all()):
            fits = bool((np.abs(whole) < 2**31).all())
            return unit, whole.astype(np.int32 if fits else np.int64)
    return _UNITS[-1], np.empty(0, np.int32)
