"""Customers counted and the counts written as JSON text, compiled: one pass over the rows, no object for any.

Trusts that the arrays fit together. Knows of a customer its grade, district, county and power as numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from compiling import F64, I32, I64, U8, borrowing, brief, compiled
from compiling.moving import STRIDE, copy, literal, put
from gis_service.ingest.spec import CRITICAL_GRADES
from layers.geojson_numbers import NUMBER_ROOM, write_double, write_integer

GRADES = len(CRITICAL_GRADES)

COUNTED, POWER = GRADES + 2, GRADES + 3
"""Columns of what `tally` says of a county: customers, and their power."""

FEW = 10_000
"""Customers that are counted while all other threads wait: a tenth of a millisecond."""

COUNT_ROOM = 384
"""Bytes that the counts of one county take at most, without its code, with what a moving copy overshoots."""

NO_KVA: F64 = np.empty(0)
NO_KVA.setflags(write=False)
"""For `write_counts`, where power is told in whole numbers."""

_AFFECTED = literal('"affected":')
_BY_COUNTY = literal(',"by_county":{')
_CUSTOMERS = literal('{"customers":')
_SPECIAL, _FIRST, _SECOND, _TEMPORARY = (
    literal(f'{before}"{grade}":')
    for before, grade in zip([',"critical":{', ",", ",", ","], CRITICAL_GRADES, strict=True)
)
_DISTRICTS = literal('},"transformer_districts":')
_KVA = literal(',"contracted_kva":')


class CountedArrays(NamedTuple):
    """What counting and writing counts need to know of customers and counties.

    stops : int64 `(counties,)`: the row after the last one of each county
    grade : uint8 `(n,)`: place of the grade, 4 for none
    power : `(n,)` whole numbers of `1 / unit` kVA, or empty: then all sums are 0
    district : int32 `(n,)`: row, -1 for none
    code_ends, codes : `"450122":` of every county, one after another, each ending at its place
    """

    stops: I64
    grade: U8
    power: npt.NDArray[np.integer[Any]]
    district: I32
    unit: int
    code_ends: I64
    codes: U8


@compiled
def tally(
    rows: I64, stops: I64, grade: U8, power: npt.NDArray[np.integer[Any]], district: I32
) -> tuple[I64, I64, int]:
    """Customers counted by county and by district.

    Parameters
    ----------
    rows
        Ascending customers.
    stops, grade, power, district
        As in `CountedArrays`.

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
    counties, n_runs, place = 0, 0, 0
    while place < rows.size:
        # counted in registers: to add in the arrays would wait for memory at every customer
        county = np.searchsorted(stops, rows[place], side="right")
        stop, begin, first_run = stops[county], place, n_runs
        special, first, second, temporary, power_here = 0, 0, 0, 0, 0
        last, run_begin, power_before = np.int64(-1), place, 0
        while place < rows.size and rows[place] < stop:
            row = rows[place]
            of = np.int64(district[row])
            if of != last:
                if last >= 0:
                    run_district[n_runs] = last
                    run_customers[n_runs], run_power[n_runs] = place - run_begin, power_here - power_before
                    n_runs += 1
                last, run_begin, power_before = of, place, power_here
            one = grade[row]
            special += one == 0
            first += one == 1
            second += one == 2
            temporary += one == 3
            if power.size:
                power_here += int(np.int64(power[row]))
            place += 1
        if last >= 0:
            run_district[n_runs] = last
            run_customers[n_runs], run_power[n_runs] = place - run_begin, power_here - power_before
            n_runs += 1
        one_county = found[counties]
        one_county[0], one_county[1], one_county[2], one_county[3] = county, special, first, second
        one_county[4], one_county[5] = temporary, _distinct(run_district[first_run:n_runs])
        one_county[COUNTED], one_county[POWER] = place - begin, power_here
        counties += 1
    districts = _merged(run_district[:n_runs], run_customers, run_power)
    return found[:counties], districts, districts.shape[1]


@brief
def tally_few(
    rows: I64, stops: I64, grade: U8, power: npt.NDArray[np.integer[Any]], district: I32
) -> tuple[I64, I64, int]:
    """The same of a few rows, at a few nanoseconds each, while all other threads wait."""
    return tally(rows, stops, grade, power, district)


@borrowing
def _ascend(values: I64) -> bool:
    """Whether each is larger than the one before: nothing to put in order, and none comes twice."""
    ascend = True
    for k in range(1, values.size):
        ascend = ascend and values[k] > values[k - 1]
    return ascend


@compiled
def _distinct(values: I64) -> int:
    if _ascend(values):
        return int(values.size)
    ordered = np.sort(values)
    count = 1
    for k in range(1, ordered.size):
        if ordered[k] != ordered[k - 1]:
            count += 1
    return count


@compiled
def _merged(district: I64, customers: I64, power: I64) -> I64:
    merged = np.empty((3, district.size), np.int64)
    if _ascend(district):
        for k in range(district.size):
            merged[0, k], merged[1, k], merged[2, k] = district[k], customers[k], power[k]
        return merged
    order = np.argsort(district)
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


@borrowing
def _write_count(
    out: U8,
    at: int,
    customers: int,
    special: int,
    first: int,
    second: int,
    temporary: int,
    districts: int,
    kva: float,
) -> int:
    at = write_integer(out, put(out, at, _CUSTOMERS), np.int64(customers))
    at = write_integer(out, put(out, at, _SPECIAL), np.int64(special))
    at = write_integer(out, put(out, at, _FIRST), np.int64(first))
    at = write_integer(out, put(out, at, _SECOND), np.int64(second))
    at = write_integer(out, put(out, at, _TEMPORARY), np.int64(temporary))
    at = write_integer(out, put(out, at, _DISTRICTS), np.int64(districts))
    at = write_double(out, put(out, at, _KVA), np.float64(kva).view(np.int64))
    out[at] = np.uint8(125)
    return at + 1


@borrowing
def _write_counts(
    out: U8, at: int, counties: I64, together: int, kva: F64, total_kva: float, code_ends: I64, codes: U8
) -> int:
    customers, special, first, second, temporary = 0, 0, 0, 0, 0
    for k in range(counties.shape[0]):
        special += counties[k, 1]
        first += counties[k, 2]
        second += counties[k, 3]
        temporary += counties[k, 4]
        customers += counties[k, COUNTED]
    at = put(out, at, _AFFECTED)
    at = _write_count(out, at, customers, special, first, second, temporary, together, total_kva)
    at = put(out, at, _BY_COUNTY)
    for k in range(counties.shape[0]):
        if k:
            out[at] = np.uint8(44)
            at += 1
        one = counties[k, 0]
        at = copy(out, at, codes, code_ends[one], code_ends[one + 1])
        at = _write_count(
            out,
            at,
            counties[k, COUNTED],
            counties[k, 1],
            counties[k, 2],
            counties[k, 3],
            counties[k, 4],
            counties[k, COUNTED - 1],
            kva[k],
        )
    out[at] = np.uint8(125)
    return at + 1


@brief
def write_counts(
    out: U8, counties: I64, together: int, unit: int, kva: F64, code_ends: I64, codes: U8
) -> int:
    """The members `affected` and `by_county` of an answer; where they end.

    Parameters
    ----------
    out
        The buffer, with `COUNT_ROOM` for each county and once more, and for all codes.
    counties, together
        As `tally` gives them.
    unit
        Parts of a kVA that their power is told in.
    kva
        Where power is not told in whole numbers: that of each of these counties, and at last of all.
    code_ends, codes
        As in `CountedArrays`.
    """
    if kva.size:
        return _write_counts(out, 0, counties, together, kva[:-1], kva[-1], code_ends, codes)
    summed = counties[:, POWER] / unit
    total = counties[:, POWER].sum() / unit
    return _write_counts(out, 0, counties, together, summed, total, code_ends, codes)


_LITERALS = (_AFFECTED, _BY_COUNTY, _CUSTOMERS, _SPECIAL, _FIRST, _SECOND, _TEMPORARY, _DISTRICTS, _KVA)
assert sum(one.size for one in _LITERALS) < COUNT_ROOM - COUNTED * NUMBER_ROOM + len(_LITERALS) * STRIDE
