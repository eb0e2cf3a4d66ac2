"""The switch log as it is read: operations, and the states they add up to.

The state of a switch at a time is that of its latest operation in the county's current load up to then, by
the time it happened and then by the order of recording; without one, the state as loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa
from psycopg2 import extensions, sql

from gis_service.network.tables import Bools, Text
from gis_service.store.consistent import read_consistently, read_who_answers
from gis_service.store.database import in_transaction
from gis_service.store.schema import in_counties, of_counties
from gis_service.store.versions import CountyVersion, read_versions
from sharding.copy import copy_out, sorted_by, texts, truths

_COLUMNS = "county_code, switch_id, open, at, recorded_at, reason, operator, idempotency_key, id, epoch"


@dataclass(frozen=True, slots=True)
class NewOperation:
    """A switch operation to be recorded: `at` is when it happened, `recorded_at` when we learnt of it."""

    county_code: str
    switch_id: str
    open: bool
    at: datetime
    recorded_at: datetime
    reason: str = ""
    operator: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Operation(NewOperation):
    """An operation on record; `id` counts up within the county, `epoch` is the load it belongs to."""

    id: int = 0
    epoch: int = 0


@dataclass(frozen=True, eq=False)
class SwitchStates:
    """One truth value per switch, sorted by (county, id): the order of `GridTables.switches`.

    `versions` are those of the counties at the moment of reading.
    """

    county: Text
    id: Text
    open: Bools
    versions: dict[str, CountyVersion]

    def __len__(self) -> int:
        return len(self.id)


def current_switches(counties: Collection[str] | None = None) -> SwitchStates:
    """How the switches of these counties (default: all) stand now; UnknownId for a county not loaded."""
    return _consistent_states(_current, counties)


def switch_states_at(at: datetime, counties: Collection[str] | None = None) -> SwitchStates:
    """How the switches of these counties (default: all) stood at a time; UnknownId as above."""
    return _consistent_states(partial(_as_of, at), counties)


def current_where_answered(counties: Collection[str]) -> tuple[SwitchStates, dict[str, str]]:
    """`current_switches` of those whose node answers, and of the others, why they could not be read."""
    return _answered_states(_current, counties)


def states_where_answered(at: datetime, counties: Collection[str]) -> tuple[SwitchStates, dict[str, str]]:
    """`switch_states_at` of those whose node answers, and of the others, why they could not be read."""
    return _answered_states(partial(_as_of, at), counties)


def read_switch_states(
    cursor: extensions.cursor, at: datetime, counties: Collection[str] | None = None
) -> SwitchStates:
    """`switch_states_at` inside a transaction, which sees what that transaction has recorded."""
    return _states(_rows(cursor, _as_of(at, counties)), read_versions(cursor, counties))


def _current(counties: Collection[str] | None) -> sql.Composable:
    return sql.SQL("SELECT county_code, id, open FROM switch") + _where(counties)


def _as_of(at: datetime, counties: Collection[str] | None) -> sql.Composable:
    return sql.SQL(
        """
        SELECT s.county_code, s.id, coalesce(latest.open, s.open_at_load)
        FROM (SELECT county_code, id, open_at_load FROM switch{}) s
        LEFT JOIN (
            SELECT DISTINCT ON (o.county_code, o.switch_id) o.county_code, o.switch_id, o.open
            FROM switch_operation o
            JOIN county_version v ON v.county_code = o.county_code AND v.topology_version = o.epoch
            WHERE o.at <= {} AND {}
            ORDER BY o.county_code, o.switch_id, o.at DESC, o.id DESC
        ) latest ON latest.county_code = s.county_code AND latest.switch_id = s.id
        """
    ).format(
        _where(counties),
        sql.Literal(at),
        sql.SQL("true") if counties is None else of_counties(counties, sql.Identifier("o", "county_code")),
    )


def operations_between(
    since: datetime | None = None, until: datetime | None = None, *, counties: Collection[str] | None = None
) -> list[Operation]:
    """The operations that happened in `[since, until)`, of every load, by county, time and recording."""
    with in_transaction(read_only=True) as cursor:
        conditions, values = ["true"], {"since": since, "until": until, "counties": sorted(counties or ())}
        if since is not None:
            conditions.append("at >= %(since)s")
        if until is not None:
            conditions.append("at < %(until)s")
        if counties is not None:
            conditions.append("county_code = ANY(%(counties)s)")
        found = read_operations(cursor, " AND ".join(conditions), values)
    return sorted(found, key=lambda one: (one.county_code, one.at, one.id))


def read_operations(cursor: extensions.cursor, condition: str, values: Mapping[str, Any]) -> list[Operation]:
    """The operations that meet an SQL condition, in no order."""
    cursor.execute(f"SELECT {_COLUMNS} FROM switch_operation WHERE {condition}", values)
    return [Operation(*row) for row in cursor.fetchall()]


def _where(counties: Collection[str] | None) -> sql.Composable:
    return sql.SQL("") if counties is None else in_counties(counties)


def _consistent_states(
    query: Callable[[Collection[str] | None], sql.Composable], counties: Collection[str] | None
) -> SwitchStates:
    layers, versions = read_consistently(
        lambda readers, of: {"switch": _rows(readers.cursor, query(of))}, counties
    )
    return _states(layers["switch"], versions)


def _answered_states(
    query: Callable[[Collection[str] | None], sql.Composable], counties: Collection[str]
) -> tuple[SwitchStates, dict[str, str]]:
    seen = read_who_answers(lambda readers, of: {"switch": _rows(readers.cursor, query(of))}, counties)
    rows = seen.layers.get("switch", pa.table({name: pa.array([], of) for name, of in _TYPES.items()}))
    return _states(rows, seen.versions), seen.away


_TYPES = {"county_code": pa.large_string(), "id": pa.large_string(), "open": pa.bool_()}


def _rows(cursor: extensions.cursor, query: sql.Composable) -> pa.Table:
    return copy_out(cursor, query, _TYPES)


def _states(rows: pa.Table, versions: dict[str, CountyVersion]) -> SwitchStates:
    rows = sorted_by(rows, "county_code", "id")
    return SwitchStates(texts(rows["county_code"]), texts(rows["id"]), truths(rows["open"]), versions)
