"""Customers counted: how many, how important, in how many districts, with how much power, by county.

Knows of every customer a grade, a district, a county and its contracted power, kept as numbers beside the
tables: a count costs a few nanoseconds a customer and makes no string. Power is added as whole numbers of a
small unit, so a sum depends neither on the order of rows nor on how the province is cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from compiling import I32, I64, U8, compiled
from gis_service.engine.columns import Answer, Rows
from gis_service.ingest.spec import CRITICAL_GRADES
from gis_service.network.columns import Coded, runs
from gis_service.network.joined import JoinedTexts
from gis_service.network.tables import Floats
from gis_service.network.topology import Topology

_NO_GRADE = len(CRITICAL_GRADES)
_UNITS = (1_000, 1_000_000)
"""Parts of a kVA that sums are counted in: the first in which every customer's power is a whole number."""

_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Tally:
    """Some customers counted.

    total, by_county : as answers show them; counties in order, only those that own any of the customers
    runs : county code → `(first, stop)` places of its customers among the rows counted, counties in order
    districts : rows of districts with at least one of the customers, ascending
    customers, kva : how many of the customers each of these districts has, and their contracted power
    """

    total: Answer
    by_county: dict[str, Answer]
    runs: dict[str, tuple[int, int]]
    districts: list[int]
    customers: list[int]
    kva: list[float]


class Tallies:
    """What counting needs to know of the customers of a topology; 9 to 13 bytes a customer."""

    def __init__(self, topology: Topology) -> None:
        customers = topology.tables.customers
        self._district: I32 = np.ascontiguousarray(topology.customer_district, np.int32)
        counties = runs(customers.county)
        self._counties = [code for code, _, _ in counties]
        self._stops: I64 = np.array([stop for _, _, stop in counties], np.int64)
        self._grade = _grades(customers.critical_grade, len(customers))
        self._kva = customers.contracted_kva
        self._unit, self._power = _in_units(customers.contracted_kva)

    def of(self, rows: Rows) -> Tally:
        """Customers counted; `rows` ascend. O(rows), and O(districts log districts) among them."""
        counties, districts, of_all = tally(rows, self._stops, self._grade, self._power, self._district)
        unit, exact = self._unit, self._power.size > 0
        by_county: dict[str, Answer] = {}
        places: dict[str, tuple[int, int]] = {}
        first = 0
        for county, *grades, districts_there, count, power in counties.tolist():
            code = self._counties[county]
            places[code] = first, first + count
            kva = power / unit if exact else self._sum(rows[first : first + count])
            by_county[code] = _told(count, grades, districts_there, kva)
            first += count
        if len(by_county) == 1:
            total = next(iter(by_county.values()))
        else:
            grades = [sum(one["critical"][grade] for one in by_county.values()) for grade in CRITICAL_GRADES]
            kva = int(counties[:, -1].sum()) / unit if exact else self._sum(rows)
            total = _told(len(rows), grades, of_all, kva)
        found, sizes, powers = districts.tolist()
        kvas = [power / unit for power in powers] if exact else self._sums(rows, found)
        return Tally(total, by_county, places, found, sizes, kvas)

    def _sum(self, rows: Rows) -> float:
        return round(math.fsum(self._kva[rows].tolist()), 6)

    def _sums(self, rows: Rows, districts: list[int]) -> list[float]:
        of = self._district[rows]
        return [self._sum(rows[of == district]) for district in districts]


def _told(customers: int, grades: list[int], districts: int, kva: float) -> Answer:
    return {
        "customers": customers,
        "critical": dict(zip(CRITICAL_GRADES, grades, strict=True)),
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


@compiled
def tally(
    rows: I64, stops: I64, grade: U8, power: npt.NDArray[np.integer[Any]], district: I32
) -> tuple[I64, I64, int]:
    """Customers counted by county and by district.

    Parameters
    ----------
    rows
        Ascending customers.
    stops
        int64 `(counties,)`: the row after the last one of each county.
    grade
        uint8 `(n,)`: place of the grade, 4 for none.
    power
        `(n,)` whole numbers, or empty: then all sums are 0.
    district
        int32 `(n,)`: row, -1 for none.

    Returns
    -------
    counties : int64 `(c, 8)`, those that have any: number, customers of the four grades, districts,
        customers, power.
    districts : int64 `(3, d)`, ascending: row, customers, power.
    together : districts altogether; fewer than the sum where one has customers of two counties.
    """
    found = np.empty((min(stops.size, rows.size), 8), np.int64)
    run_district = np.empty(rows.size, np.int64)
    run_customers = np.empty(rows.size, np.int64)
    run_power = np.empty(rows.size, np.int64)
    counties, n_runs, first_run, county = 0, 0, 0, -1
    for place in range(rows.size):
        row = rows[place]
        if county < 0 or row >= stops[county]:
            if county >= 0:
                found[counties - 1, 5] = _distinct(run_district[first_run:n_runs])
            county = np.searchsorted(stops, row, side="right")
            found[counties] = 0
            found[counties, 0] = county
            counties += 1
            first_run = n_runs
        at = counties - 1
        if grade[row] < 4:
            found[at, 1 + grade[row]] += 1
        found[at, 6] += 1
        kva = np.int64(0)
        if power.size:
            kva = np.int64(power[row])
        found[at, 7] += kva
        of = district[row]
        if of >= 0:
            if n_runs == first_run or run_district[n_runs - 1] != of:
                run_district[n_runs] = of
                run_customers[n_runs] = 0
                run_power[n_runs] = 0
                n_runs += 1
            run_customers[n_runs - 1] += 1
            run_power[n_runs - 1] += kva
    if county >= 0:
        found[counties - 1, 5] = _distinct(run_district[first_run:n_runs])
    districts = _merged(run_district[:n_runs], run_customers, run_power)
    return found[:counties], districts, districts.shape[1]


@compiled
def _distinct(values: I64) -> int:
    if values.size < 2:
        return int(values.size)
    ordered = np.sort(values)
    count = 1
    for k in range(1, ordered.size):
        if ordered[k] != ordered[k - 1]:
            count += 1
    return count


@compiled
def _merged(district: I64, customers: I64, power: I64) -> I64:
    order = np.argsort(district)
    merged = np.empty((3, district.size), np.int64)
    last = -1
    for run in order:
        if last < 0 or merged[0, last] != district[run]:
            last += 1
            merged[0, last] = district[run]
            merged[1, last] = 0
            merged[2, last] = 0
        merged[1, last] += customers[run]
        merged[2, last] += power[run]
    return merged[:, : last + 1].copy()
