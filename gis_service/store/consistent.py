"""Reading several tables of several counties as of one moment.

Everything of one answer belongs to one moment, so that counties that were changed together are seen together,
on one server and on a cluster, also while a write to several nodes is being carried out on one after another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import extensions

from gis_service.errors import CountyAway, NotReady
from gis_service.store.by_node import NODE_DEADLINE_S, read_by_node
from gis_service.store.database import LONG_DEADLINE_S, distributed, in_transaction, reading
from gis_service.store.register import stored_versions
from gis_service.store.versions import CountyVersion, read_versions, require_loaded
from sharding.readers import Readers, alone

_TRIES = 20
_STEP_S = 0.05
_LONGEST = ("customer_point", "connectivity_node", "line_section", "corridor", "switch")

Layers = dict[str, pa.Table]
"""Rows by layer; each table has a column `county_code`, or `code` in the layer `county`."""

Read = Callable[[Readers, Collection[str]], Layers]


class ReadOne(Protocol):
    """Reads one layer of one county."""

    def __call__(self, cursor: extensions.cursor, /, *, layer: str, county: str) -> pa.Table: ...


class Seen(NamedTuple):
    """Rows, the version of each county that they are of, and the counties that were not reached, with why."""

    layers: Layers
    versions: dict[str, CountyVersion]
    away: dict[str, str]


def read_consistently(
    read: Read, counties: Collection[str] | None
) -> tuple[Layers, dict[str, CountyVersion]]:
    """What `read` gives for these counties, and the version of each at the same moment.

    Raises
    ------
    CountyAway
        When the node of one of them does not answer.
    NotReady
        When the database does not answer, or the counties change faster than they can be read.
    """
    seen = read_who_answers(read, counties, deadline_s=LONG_DEADLINE_S)
    if seen.away:
        raise CountyAway(list(seen.away), "; ".join(sorted(set(seen.away.values()))))
    return seen.layers, seen.versions


def read_who_answers(
    read: Read, counties: Collection[str] | None, *, deadline_s: float = NODE_DEADLINE_S
) -> Seen:
    """The same for those of these counties whose node answers.

    One server gives a snapshot. A cluster gives each statement's own, so there the counties whose version
    moved meanwhile are read again, until nothing moved between two looks and every county stands where the
    register says.

    Raises
    ------
    UnknownId
        For a county that is not loaded.
    NotReady
        As `read_consistently`.
    """
    with reading() as readers:
        known = _registered(readers.cursor, counties)
        if not distributed(readers.cursor):
            return Seen(read(readers, sorted(known)), known, {})

    def read_there(cursor: extensions.cursor, some: Collection[str]) -> Layers:
        return read(alone(cursor), some)

    before, away = _own_versions(known, deadline_s)
    parts, lost = read_by_node(list(before), read_there, deadline_s=deadline_s)
    away |= lost
    if not known.keys() - away.keys():
        if away:
            return Seen({}, {}, away)
        with in_transaction(read_only=True) as cursor:
            return Seen(read_there(cursor, []), {}, {})
    layers = _joined(parts)
    before = {county: one for county, one in before.items() if county not in away}
    for _ in range(_TRIES):
        with in_transaction(read_only=True) as cursor:
            known = {
                county: one for county, one in _registered(cursor, counties).items() if county not in away
            }
        now, lost = _own_versions(known, deadline_s)
        away |= lost
        moved = sorted(code for code in now if now[code] != before.get(code))
        unsettled = [
            code
            for code, one in known.items()
            if code not in away and (code not in now or now[code].version < one.version)
        ]
        gone = [*(before.keys() - known.keys()), *lost]
        if not moved and not unsettled:
            return Seen(_without(layers, gone), now, away) if gone else Seen(layers, now, away)
        if unsettled:
            time.sleep(_STEP_S)
        fresh, lost = read_by_node(moved, read_there, deadline_s=deadline_s)
        away |= lost
        layers = _without(layers, [*moved, *gone])
        layers = _joined([layers, *fresh])
        before = {county: one for county, one in now.items() if county not in lost}
    if unsettled and not moved:
        raise NotReady(
            f"a write of county {', '.join(unsettled)} is not carried out on its node yet; try again shortly"
        )
    raise NotReady("the counties change faster than they can be read; try again in a moment")


def read_layers(
    readers: Readers, layers: Sequence[str], counties: Collection[str], read_one: ReadOne
) -> Layers:
    """Layers of counties, each county's rows read by themselves, in ascending order of counties.

    `read_one` reads one layer of one county; on a cluster that meets one shard.
    """
    wanted = [(layer, county) for county in sorted(counties) for layer in sorted(layers, key=_turn)]
    tables = readers.each([partial(read_one, layer=layer, county=county) for layer, county in wanted])
    of_layer: dict[str, list[pa.Table]] = {layer: [] for layer in layers}
    for (layer, _), rows in zip(wanted, tables, strict=True):
        of_layer[layer].append(rows)
    return {layer: pa.concat_tables(parts) for layer, parts in of_layer.items()}


def _turn(layer: str) -> int:
    """Long layers come first, so that no connection is left with one when the others are done."""
    return _LONGEST.index(layer) if layer in _LONGEST else len(_LONGEST)


def _registered(cursor: extensions.cursor, counties: Collection[str] | None) -> dict[str, CountyVersion]:
    return read_versions(cursor) if counties is None else require_loaded(cursor, counties)


def _own_versions(
    counties: Collection[str], deadline_s: float
) -> tuple[dict[str, CountyVersion], dict[str, str]]:
    parts, away = read_by_node(
        counties, stored_versions, one_statement=True, deadline_s=min(deadline_s, LONG_DEADLINE_S)
    )
    return {county: one for part in parts for county, one in sorted(part.items())}, away


def _joined(parts: Sequence[Layers]) -> Layers:
    parts = [part for part in parts if part]
    if len(parts) < 2:
        return parts[0] if parts else {}
    return {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}


def _without(layers: Layers, counties: Collection[str]) -> Layers:
    gone = pa.array(sorted(set(counties)), pa.large_string())
    kept: Layers = {}
    for name, rows in layers.items():
        code = "county_code" if "county_code" in rows.column_names else "code"
        kept[name] = rows.filter(pc.invert(pc.is_in(rows[code], value_set=gone)))
    return kept
