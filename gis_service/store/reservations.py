"""The record of reserved capacity: what is held now, who decided what, and one decision after another.

All of it lies on the coordinator of a cluster, so it is read and written while any other node is away. Every
change has a version; of two decisions that were made on the same version only one can be written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from psycopg2 import errors, extensions
from psycopg2.extras import Json, execute_values

from gis_service.errors import NotReady
from gis_service.store.database import in_transaction
from gis_service.store.register import CountyVersion, ever_registered, registered

State = Literal["held", "built", "withdrawn"]
_DECIDING = 0x67696406
_PATIENCE_S = 10
_READ_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class ReservedSupply:
    """One supply of a reservation: where it joins the grid, and what it puts on the way there.

    node_id : the node where it joins; None where it taps the line `attach_id` at `fraction`
    reckoned_kva : the three-phase load that burdens each phase as much as the customer burdens his
    conductor, length_m : of the line that the customer gets, as in his scheme
    """

    reservation: int
    number: int
    county_code: str
    kind: str
    attach_id: str
    node_id: str | None
    fraction: float | None
    reckoned_kva: float
    conductor: str
    length_m: float


class Change(NamedTuple):
    """One decision about a reservation."""

    version: int
    state: State
    at: datetime
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class NewReservation:
    """What is to be reserved; `request` is a digest of what was asked, `schemes` what was answered."""

    idempotency_key: str
    request: str
    counties: Sequence[str]
    elements: Sequence[str]
    point: tuple[float, float]
    kva: float
    phases: str
    independence: str | None
    rules: Mapping[str, Any]
    grid_version: Mapping[str, int]
    schemes: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Reservation(NewReservation):
    """One on record, with the decisions about it, oldest first."""

    id: int
    state: State
    supplies: tuple[ReservedSupply, ...]
    changes: tuple[Change, ...]


class Mark(NamedTuple):
    """How far the record goes: its newest version, and when that was written (0 and None: nothing yet)."""

    version: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """What is reserved at one version of the record, by reservation."""

    mark: Mark
    supplies: Mapping[int, tuple[ReservedSupply, ...]]


NOTHING_HELD = Held(Mark(0, None), {})


def held_reservations(known: Held = NOTHING_HELD, *, deadline_s: float = _READ_DEADLINE_S) -> Held:
    """What is reserved now; where `known` is that already, `known` itself, for the price of one look.

    Raises
    ------
    NotReady
        When the database does not answer.
    """
    with in_transaction(read_only=True, deadline_s=deadline_s) as cursor:
        return _held(cursor, known)


def read_reservation(id: int) -> Reservation | None:
    """One reservation, or None."""
    with in_transaction(read_only=True) as cursor:
        found = _read(cursor, "id = %(id)s", {"id": id})
    return found[0] if found else None


def reservations_page(
    limit: int,
    *,
    county: str | None = None,
    state: str | None = None,
    element: str | None = None,
    before: int | None = None,
) -> list[Reservation]:
    """At most `limit` reservations, the newest first; `before` is the id of the last one of the page before.

    Parameters
    ----------
    county, element
        That a supply point, its node, or an element of the supply path as reserved is, or lies in.
    """
    conditions: list[str] = ["true"]
    values: dict[str, Any] = {"limit": limit}
    for name, value, condition in (
        ("county", county, "counties @> ARRAY[%(county)s]"),
        ("state", state, "state = %(state)s"),
        ("element", element, "elements @> ARRAY[%(element)s]"),
        ("before", before, "id < %(before)s"),
    ):
        if value is not None:
            conditions.append(condition)
            values[name] = value
    with in_transaction(read_only=True) as cursor:
        return _read(cursor, " AND ".join(conditions), values, "ORDER BY id DESC LIMIT %(limit)s")


def counties_ever() -> list[str]:
    """Every county that was ever loaded, sorted."""
    with in_transaction(read_only=True) as cursor:
        return ever_registered(cursor)


@contextmanager
def deciding(*, deadline_s: float) -> Iterator[Decision]:
    """One decision about reservations, with no other at the same time in any engine.

    The lock ends with the transaction, after what was written can be seen; it lies in the session that
    writes, which needs no node but the coordinator.

    Raises
    ------
    NotReady
        When others decide for too long, or the database does not answer; nothing was written.
    OutcomeUnknown
        When the commit was sent and not answered: look the idempotency key up.
    """
    with in_transaction(deadline_s=deadline_s) as cursor:
        cursor.execute("SET LOCAL lock_timeout = %s", [f"{_PATIENCE_S}s"])
        try:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_DECIDING])
        except errors.LockNotAvailable as error:
            raise NotReady(
                "other reservations are being decided and take too long; try again in a moment"
            ) from error
        yield Decision(cursor)


class Decision:
    """What one decision reads and writes; each read sees all that was decided before."""

    def __init__(self, cursor: extensions.cursor) -> None:
        self._cursor = cursor

    def held(self, known: Held = NOTHING_HELD) -> Held:
        """What is reserved; as `held_reservations`."""
        return _held(self._cursor, known)

    def versions(self) -> dict[str, CountyVersion]:
        """The versions of all loaded counties."""
        return registered(self._cursor)

    def by_key(self, key: str) -> Reservation | None:
        """The reservation made under an idempotency key."""
        found = _read(self._cursor, "idempotency_key = %(key)s", {"key": key})
        return found[0] if found else None

    def find(self, id: int) -> Reservation | None:
        """One reservation."""
        found = _read(self._cursor, "id = %(id)s", {"id": id})
        return found[0] if found else None

    def reserve(
        self, new: NewReservation, supplies: Sequence[ReservedSupply], *, at: datetime, by: str, reason: str
    ) -> Reservation:
        """Write a reservation, held from now on; the supplies get its number."""
        id = self._enter(None, "held", at, by, reason)
        self._cursor.execute(
            """
            INSERT INTO reservation
                (id, idempotency_key, request, state, counties, elements, geom, kva, phases, independence,
                 rules, grid_version, schemes)
            VALUES (%s, %s, %s, 'held', %s, %s, ST_SetSRID(ST_MakePoint(%s, %s), 4326),
                    %s, %s, %s, %s, %s, %s)
            """,
            [
                id,
                new.idempotency_key,
                new.request,
                list(new.counties),
                list(new.elements),
                *new.point,
                new.kva,
                new.phases,
                new.independence,
                Json(new.rules),
                Json(new.grid_version),
                Json(new.schemes),
            ],
        )
        rows = [
            (id, s.number, s.county_code, s.kind, s.attach_id, s.node_id, s.fraction, s.reckoned_kva)
            for s in supplies
        ]
        execute_values(self._cursor, f"INSERT INTO reservation_supply ({_SUPPLY}) VALUES %s", rows)
        made = self.find(id)
        assert made is not None
        return made

    def set_state(self, id: int, state: State, *, at: datetime, by: str, reason: str) -> Reservation:
        """Declare a held reservation built, or withdraw it: it counts no more."""
        self._enter(id, state, at, by, reason)
        self._cursor.execute("UPDATE reservation SET state = %s WHERE id = %s", [state, id])
        changed = self.find(id)
        assert changed is not None
        return changed

    def _enter(self, id: int | None, state: State, at: datetime, by: str, reason: str) -> int:
        """Write the next version of the record, which names its own reservation where `id` is None."""
        version = _newest(self._cursor).version + 1
        self._cursor.execute(
            "INSERT INTO reservation_change (version, reservation_id, state, at, operator, reason)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [version, version if id is None else id, state, at, by, reason],
        )
        return version


_FIELDS = (
    "idempotency_key",
    "request",
    "counties",
    "elements",
    "point",
    "kva",
    "phases",
    "independence",
    "rules",
    "grid_version",
    "schemes",
    "id",
    "state",
)
_SUPPLY = "reservation_id, number, county_code, kind, attach_id, node_id, fraction, reckoned_kva"


def _newest(cursor: extensions.cursor) -> Mark:
    cursor.execute("SELECT version, at FROM reservation_change ORDER BY version DESC LIMIT 1")
    row = cursor.fetchone()
    return Mark(0, None) if row is None else Mark(*row)


def _held(cursor: extensions.cursor, known: Held) -> Held:
    newest = _newest(cursor)
    if newest == known.mark:
        return known
    if known.mark.version:
        cursor.execute("SELECT at FROM reservation_change WHERE version = %s", [known.mark.version])
        if cursor.fetchone() != (known.mark.at,):
            known = NOTHING_HELD  # a database that was set back has other decisions under the same versions
    cursor.execute(
        "SELECT DISTINCT reservation_id FROM reservation_change WHERE version > %s AND version <= %s",
        [known.mark.version, newest.version],
    )
    changed = [id for (id,) in cursor.fetchall()]
    cursor.execute("SELECT id FROM reservation WHERE state = 'held' AND id = ANY(%s)", [changed])
    supplies = {id: of for id, of in known.supplies.items() if id not in set(changed)}
    supplies |= _supplies(cursor, [id for (id,) in cursor.fetchall()])
    return Held(newest, dict(sorted(supplies.items())))


def _supplies(cursor: extensions.cursor, ids: Collection[int]) -> dict[int, tuple[ReservedSupply, ...]]:
    if not ids:
        return {}
    cursor.execute(
        f"SELECT {_SUPPLY}, scheme->>'conductor', (scheme->'route'->>'length_m')::float8"
        " FROM reservation_supply JOIN reservation ON reservation.id = reservation_id,"
        " LATERAL (SELECT schemes->(number - 1)) AS answered (scheme)"
        " WHERE reservation_id = ANY(%s)",
        [list(ids)],
    )
    found: dict[int, tuple[ReservedSupply, ...]] = {}
    for row in sorted(cursor.fetchall(), key=lambda row: (row[0], row[1])):
        found[row[0]] = (*found.get(row[0], ()), ReservedSupply(*row))
    return found


def _read(
    cursor: extensions.cursor, condition: str, values: Mapping[str, Any], order: str = ""
) -> list[Reservation]:
    columns = ", ".join(_FIELDS).replace("point", "ARRAY[ST_X(geom), ST_Y(geom)]")
    cursor.execute(f"SELECT {columns} FROM reservation WHERE {condition} {order}", values)
    rows = cursor.fetchall()
    ids = [row[-2] for row in rows]
    supplies = _supplies(cursor, ids)
    cursor.execute(
        "SELECT reservation_id, version, state, at, operator, reason FROM reservation_change"
        " WHERE reservation_id = ANY(%s) ORDER BY version",
        [ids],
    )
    changes: dict[int, tuple[Change, ...]] = {}
    for id, *change in cursor.fetchall():
        changes[id] = (*changes.get(id, ()), Change(*change))
    return [
        Reservation(
            **dict(zip(_FIELDS, row, strict=True)), supplies=supplies[row[-2]], changes=changes[row[-2]]
        )
        for row in rows
    ]
