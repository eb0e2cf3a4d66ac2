"""Reading several tables of several counties as of one moment.

Everything of one answer belongs to one moment, so that counties that were changed together are seen together,
on one server and on a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import extensions

from gis_service.errors import NotReady
from gis_service.store.database import LONG_DEADLINE_S, distributed, in_transaction
from gis_service.store.versions import CountyVersion, read_versions, require_loaded

_TRIES = 20

Layers = dict[str, pa.Table]
"""Rows by layer; each table has a column `county_code`, or `code` in the layer `county`."""


def read_consistently(
    read: Callable[[extensions.cursor, Collection[str] | None], Layers], counties: Collection[str] | None
) -> tuple[Layers, dict[str, CountyVersion]]:
    """What `read` gives for these counties, and the version of each at the same moment.

    One server gives a snapshot. A cluster gives each node's own, so there the counties whose version moved
    meanwhile are read again, until nothing moved between two looks.
    """
    with in_transaction(read_only=True, deadline_s=LONG_DEADLINE_S) as cursor:
        before = _versions(cursor, counties)
        layers = read(cursor, counties if counties is None else sorted(before))
        if not distributed(cursor):
            return layers, before
    for _ in range(_TRIES):
        with in_transaction(read_only=True) as cursor:
            now = _versions(cursor, counties)
        if now == before:
            return layers, before
        moved = sorted(code for code in now if now[code] != before.get(code))
        with in_transaction(read_only=True, deadline_s=LONG_DEADLINE_S) as cursor:
            fresh = read(cursor, moved)
        stale = pa.array([*moved, *(before.keys() - now.keys())], pa.large_string())
        layers = {name: _merged(old, fresh[name], stale) for name, old in layers.items()}
        before = now
    raise NotReady("the counties change faster than they can be read; try again in a moment")


def _versions(cursor: extensions.cursor, counties: Collection[str] | None) -> dict[str, CountyVersion]:
    return read_versions(cursor) if counties is None else require_loaded(cursor, counties)


def _merged(old: pa.Table, fresh: pa.Table, stale: pa.Array) -> pa.Table:
    code = "county_code" if "county_code" in old.column_names else "code"
    kept = old.filter(pc.invert(pc.is_in(old[code], value_set=stale)))
    return pa.concat_tables([kept, fresh])
