"""What the business database and the engine say differently about reserved capacity, and what mends it.

The two are separate databases. Decisions keep them in step (`applications`); a restore of one of them does
not. Then each is right about what it remembers: what the other forgot was decided and told to somebody. So
what is mended is what repeats a decision on record, on one side or the other; what would be a decision of
its own is told and left to a person. An application whose version changed while this looked is not judged.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from django.db import connection, transaction

from api.application_settling import settle
from api.application_states import locked, record_step
from api.applications import reserving_body
from api.engine_answers import ReservationGiven, ReservationListed
from api.engine_client import EngineRefused
from api.models import (
    UNSETTLED,
    ApplicationNumber,
    ApplicationStatus,
    ApplicationStep,
    ConnectionApplication,
    SchemeAnswer,
)

Mend = Literal["reserve", "renumber", "follow", "end", "settle", "count"]
_KEY = re.compile(r"application-([0-9]{4}-[0-9]{6,})-([0-9]+)")
_FOLLOWED = {
    "held": ApplicationStatus.ACCEPTED,
    "built": ApplicationStatus.BUILT,
    "withdrawn": ApplicationStatus.WITHDRAWN,
}
_MENDS: dict[Mend, str] = {
    "reserve": "mending reserves it again, where its capacity is still free",
    "renumber": "mending takes over the engine's number",
    "follow": "mending takes over what the engine has on record",
    "end": "mending says it to the engine again",
    "settle": "mending asks the engine again what it was asked",
    "count": "mending goes on behind that number",
}
_ORDER: tuple[Mend, ...] = ("renumber", "reserve", "settle", "follow", "end", "count")
"""What frees the number of a reservation comes before what may take it."""


class Engine(Protocol):
    """What of the engine this needs."""

    def reservations(self) -> Iterable[ReservationListed]:
        """All on record, whatever became of them."""

    def reserve(self, body: Mapping[str, Any]) -> ReservationGiven:
        """Hold the capacity of a scheme."""

    def settle_reservation(self, id: int, what: str, body: Mapping[str, Any]) -> ReservationGiven:
        """`built` or `withdraw`."""


@dataclass(frozen=True)
class Difference:
    """One thing that the two say differently.

    subject : the number of the application, or the year of a count of numbers
    mend : what would mend it; None: that is for a person to decide
    version : of the application as it was looked at
    reservation : the engine's, where it has one
    """

    subject: str
    sentence: str
    mend: Mend | None
    version: int = 0
    reservation: ReservationListed | None = None

    def __str__(self) -> str:
        how = _MENDS[self.mend] if self.mend is not None else "nothing mends that by itself"
        return f"{self.sentence}; {how}"


def differences(engine: Engine) -> list[Difference]:
    """All differences, by application; none where both say the same.

    Raises
    ------
    EngineAway, EngineRefused, EngineAnswerUnusable
        When the engine's record cannot be read.
    """
    before = {one.number: one for one in ConnectionApplication.objects.order_by("id")}
    known: dict[str, list[tuple[int, ReservationListed]]] = defaultdict(list)
    for one in engine.reservations():
        match = _KEY.fullmatch(one.idempotency_key)
        if match is not None:
            known[match[1]].append((int(match[2]), one))
    since = dict(ConnectionApplication.objects.values_list("number", "version"))
    found = list(_counts(known))
    for number in sorted({*before, *known}):
        application = before.get(number)
        if since.get(number) != (application.version if application is not None else None):
            continue  # decided about while this looked
        mine = [reservation for _, reservation in sorted(known.get(number, []), key=lambda one: one[0])]
        if application is None:
            found += [_unknown(number, one) for one in mine if one.state == "held"]
        else:
            found += _of(application, mine)
    return found


def _unknown(number: str, held: ReservationListed) -> Difference:
    return Difference(
        number,
        f"reservation {held.id} holds {held.kva:g} kVA for application {number}, which the business database "
        f"does not have: record the application anew and withdraw this reservation",
        None,
        reservation=held,
    )


def _of(application: ConnectionApplication, mine: Sequence[ReservationListed]) -> list[Difference]:
    """What differs about one application; `mine` are the engine's reservations for it, the oldest first."""
    number, status, id = application.number, ApplicationStatus(application.status), application.reservation_id
    held = [one for one in mine if one.state == "held"]

    def differs(sentence: str, mend: Mend | None, of: ReservationListed | None = None) -> Difference:
        return Difference(number, f"application {number} {sentence}", mend, application.version, of)

    another = next((one for one in mine if not _same_request(application, one)), None)
    if another is not None:
        return [
            differs(
                f"and reservation {another.id} of that number are two requests: the number was given out "
                "again after a restore",
                None,
                another,
            )
        ]
    if status in UNSETTLED:
        return [differs(f"is {status}: the engine may or may not have done it", "settle")]
    if len(held) > 1:
        ids = ", ".join(str(one.id) for one in held)
        return [differs(f"has {len(held)} reservations that are held, {ids}: withdraw all but one", None)]
    if status is ApplicationStatus.ACCEPTED:
        same = next((one for one in mine if one.id == id), None)
        if same is not None and same.state == "held":
            return []
        if held:
            return [differs(f"has reservation {id} here and {held[0].id} in the engine", "renumber", held[0])]
        if mine:
            last = same or mine[-1]
            return [differs(f"is accepted here, and the engine says that {_last(last)}", "follow", last)]
        return [
            differs(
                f"is accepted with reservation {id}, which the engine does not have: nothing is held",
                "reserve",
            )
        ]
    if status in (ApplicationStatus.RECEIVED, ApplicationStatus.OFFERED):
        if not mine:
            return []
        return [differs(f"is {status} here, and the engine says that {_last(mine[-1])}", "follow", mine[-1])]
    if not held:
        return []
    mend: Mend | None = None if status is ApplicationStatus.REJECTED else "end"
    return [differs(f"is {status} here, and the engine holds reservation {held[0].id} for it", mend, held[0])]


def _same_request(application: ConnectionApplication, one: ReservationListed) -> bool:
    place = application.longitude, application.latitude
    return one.point == place and one.kva == application.kva


def _last(one: ReservationListed) -> str:
    change = one.changes[-1]
    return (
        f"reservation {one.id} for it was {change.state} on {change.at:%Y-%m-%d %H:%M} by {change.operator}"
    )


def _counts(known: Mapping[str, object]) -> Iterator[Difference]:
    """Numbers that would be given out again: applications that the engine knows were recorded under them."""
    last = dict(ApplicationNumber.objects.values_list("year", "last"))
    highest: dict[int, int] = {}
    for number in known:
        in_year, so_many = map(int, number.split("-"))
        highest[in_year] = max(highest.get(in_year, 0), so_many)
    for year, running in sorted(highest.items()):
        if last.get(year, 0) < running:
            yield Difference(
                str(year),
                f"the next application of {year} would get the number {year}-{last.get(year, 0) + 1:06d}, "
                f"and the engine has reservations for applications up to {year}-{running:06d}",
                "count",
                version=running,
            )


def mend(
    engine: Engine, found: Sequence[Difference], *, by: str, now: datetime
) -> Iterator[tuple[Difference, str]]:
    """Mend what can be mended, each difference in a transaction of its own.

    Yields
    ------
    Difference, str
        Each that was looked at, and why it stays; empty where it is mended.

    Raises
    ------
    EngineAway, EngineAnswerUnusable
        When the engine does not answer; what was mended before stays so.
    """
    for one in sorted((one for one in found if one.mend), key=lambda one: _ORDER.index(one.mend or "count")):
        try:
            yield one, _mended(engine, one, by, now)
        except EngineRefused as error:
            yield one, f"the engine refuses: {error.detail}"
    for one in found:
        if one.mend is None:
            yield one, "a person has to decide"


def _mended(engine: Engine, one: Difference, by: str, now: datetime) -> str:
    if one.mend == "count":
        _count_from(int(one.subject), one.version)
        return ""
    if one.mend == "settle":
        settle(number=one.subject, engine=engine, now=now)
        return ""
    with transaction.atomic():
        application = locked(one.subject)
        if application.version != one.version:
            return "it was decided about meanwhile: look again"
        if one.mend == "end":
            assert one.reservation is not None
            what = "built" if application.status == ApplicationStatus.BUILT else "withdraw"
            body = {"operator": by, "reason": f"connection application {application.number}, reconciled"}
            application.reservation = engine.settle_reservation(one.reservation.id, what, body).whole[
                "reservation"
            ]
            to = ApplicationStatus(application.status)
        elif one.mend == "reserve":
            given = engine.reserve(_body_again(application))
            _take(application, given.reservation.id, given.whole["reservation"])
            to = _FOLLOWED[given.reservation.state]
        else:
            assert one.reservation is not None
            _take(application, one.reservation.id, one.reservation.whole)
            to = _FOLLOWED[one.reservation.state]
        details = {"mended": one.sentence, "reservation": application.reservation_id}
        record_step(application, "reconciled", by, to, now, details)
    return ""


def _take(application: ConnectionApplication, id: int, reservation: dict[str, Any]) -> None:
    """Give an application a reservation of the engine, and the number of attempts that its key tells."""
    # another application may have that number from before a restore: it is without one until it is mended
    stale = ConnectionApplication.objects.filter(reservation_id=id).exclude(pk=application.pk)
    stale.update(reservation_id=-id)
    match = _KEY.fullmatch(str(reservation["idempotency_key"]))
    assert match is not None
    application.reservation_id, application.reservation = id, reservation
    application.attempts = max(application.attempts, int(match[2]))


def _body_again(application: ConnectionApplication) -> dict[str, Any]:
    """What the engine was asked when the application was accepted: same question, choice, and key."""
    accepted = (
        ApplicationStep.objects.filter(application=application, kind="accept").order_by("-sequence").first()
    )
    kept = application.reservation
    assert accepted is not None
    assert kept is not None  # both come with every acceptance
    answer = SchemeAnswer.objects.get(application=application, sequence=accepted.details["answer"])
    return reserving_body(
        application,
        answer.question,
        [supply["scheme"] for supply in kept["supplies"]],
        decided_by=accepted.decided_by,
    )


def _count_from(year: int, last: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO application_number (year, last) VALUES (%s, %s)"
            " ON CONFLICT (year) DO UPDATE SET last = greatest(application_number.last, excluded.last)",
            [year, last],
        )
