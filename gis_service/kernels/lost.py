"""Who loses supply where it changes, who gains it, and how many. For forests of all phases."""

from __future__ import annotations

import numpy as np

from gis_service.kernels.compiled import I32, U8, borrowing, compiled
from gis_service.kernels.cuts import Cuts
from gis_service.kernels.hung import Hung, supplied_by
from gis_service.kernels.ranges import Ranges
from gis_service.kernels.sifting import DARK


@borrowing
def _put_fed(hung: Hung, path: U8, start: int, stop: int, rows: I32, n: int) -> int:
    """Append the rows of a range that have supply when the forest has it everywhere; how many there are."""
    first, last = int(hung.offset[start]), int(hung.offset[stop])
    if hung.fed[stop] - hung.fed[start] == last - first:
        to, these = rows[n:], hung.row[first:last]
        for k in range(np.uint64(last - first)):  # an index that cannot be negative: many at a time
            to[k] = these[k]
        return n + last - first
    for p in range(start, stop):
        for k in range(hung.offset[p], hung.offset[p + 1]):
            if supplied_by(hung.needs[k], path[p]):
                rows[n] = hung.row[k]
                n += 1
    return n


@compiled
def rows_below(hung: Hung, end: I32, path: U8, cuts: Cuts) -> I32:
    """Rows that had supply below the cuts that are `DARK`, in order of position; maybe a view of all rows.

    Read-only then: the rows below one cut lie together, and nothing need be copied.
    """
    if cuts.position.size == 1 and cuts.left == 0:
        start = cuts.position[0]
        first, last = hung.offset[start], hung.offset[end[start]]
        if cuts.fed == last - first:
            return hung.row[first:last]
    rows = np.empty(cuts.fed, np.int32)
    n = 0
    for k in range(cuts.position.size):
        if cuts.flags[k] & DARK:
            start = cuts.position[k]
            n = _put_fed(hung, path, start, end[start], rows, n)
    return rows


@compiled
def lost_and_gained(hung: Hung, path: U8, bits: int, ranges: Ranges) -> tuple[I32, I32]:
    """Rows supplied before and not after, and the other way round, range by range."""
    most = 0
    for r in range(ranges.starts.size):
        most += hung.offset[ranges.stops[r]] - hung.offset[ranges.starts[r]]
    lost = np.empty(most, np.int32)
    gained = np.empty(most, np.int32)
    n_lost, n_gained = 0, 0
    for r in range(ranges.starts.size):
        start, stop, had, has = ranges.starts[r], ranges.stops[r], ranges.had[r], ranges.has[r]
        if had == bits and not has:
            n_lost = _put_fed(hung, path, start, stop, lost, n_lost)
            continue
        if has == bits and not had:
            n_gained = _put_fed(hung, path, start, stop, gained, n_gained)
            continue
        for p in range(start, stop):
            for k in range(hung.offset[p], hung.offset[p + 1]):
                was = supplied_by(hung.needs[k], had & path[p])
                is_now = supplied_by(hung.needs[k], has & path[p])
                if was and not is_now:
                    lost[n_lost] = hung.row[k]
                    n_lost += 1
                elif is_now and not was:
                    gained[n_gained] = hung.row[k]
                    n_gained += 1
    return lost[:n_lost], gained[:n_gained]


@compiled
def count_lost(hung: Hung, path: U8, bits: int, ranges: Ranges) -> int:
    """How many are supplied before, not after; reads no row where all is lost."""
    count = 0
    for r in range(ranges.starts.size):
        if ranges.had[r] == bits and not ranges.has[r]:
            count += hung.fed[ranges.stops[r]] - hung.fed[ranges.starts[r]]
            continue
        for p in range(ranges.starts[r], ranges.stops[r]):
            for k in range(hung.offset[p], hung.offset[p + 1]):
                was = supplied_by(hung.needs[k], ranges.had[r] & path[p])
                if was and not supplied_by(hung.needs[k], ranges.has[r] & path[p]):
                    count += 1
    return count
