"""Connection applications: the states they go through, and every decision as one transaction.

What the engine must do (hold capacity, let go of it) is decided here and done there, in another database. So
the decision is written down first, with the very request and its key; then the engine is asked; then the
outcome is written. Whatever dies in between leaves an *unsettled* application, and whoever settles it asks
the same again under the same key. One process settles an application at a time. Talks to the engine through
what it is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson
from django.db import IntegrityError, connection, transaction

from api.application_schemas import (
    Accepting,
    AskingSchemes,
    Deciding,
    NewApplication,
    Rejecting,
)
from api.engine_answers import ReservationGiven, SchemesGiven
from api.engine_client import EngineAnswerUnusable, EngineRefused
from api.faults import Conflict, NotFound
from api.models import (
    UNSETTLED,
    ApplicationStatus,
    ApplicationStep,
    ConnectionApplication,
    SchemeAnswer,
)

MOVES: dict[ApplicationStatus, dict[str, ApplicationStatus]] = {
    ApplicationStatus.RECEIVED: {
        "ask schemes": ApplicationStatus.OFFERED,
        "withdraw": ApplicationStatus.WITHDRAWN,
        "reject": ApplicationStatus.REJECTED,
    },
    ApplicationStatus.OFFERED: {
        "ask schemes": ApplicationStatus.OFFERED,
        "accept": ApplicationStatus.ACCEPTING,
        "withdraw": ApplicationStatus.WITHDRAWN,
        "reject": ApplicationStatus.REJECTED,
    },
    ApplicationStatus.ACCEPTED: {
        "withdraw": ApplicationStatus.WITHDRAWING,
        "built": ApplicationStatus.COMPLETING,
    },
}
"""Status → what may be decided in it, and where that leads; in all others nothing may."""

_OUTCOME = {
    ApplicationStatus.ACCEPTING: (ApplicationStatus.ACCEPTED, ApplicationStatus.OFFERED),
    ApplicationStatus.WITHDRAWING: (ApplicationStatus.WITHDRAWN, ApplicationStatus.ACCEPTED),
    ApplicationStatus.COMPLETING: (ApplicationStatus.BUILT, ApplicationStatus.ACCEPTED),
}
"""Unsettled status → where it leads when the engine did it, and where back to when it refuses."""

_LOCK_WAIT_S = 40


class Engine(Protocol):
    """What of the engine an application needs."""

    def reserve(self, body: Mapping[str, Any]) -> ReservationGiven:
        """Hold the capacity of a scheme."""

    def settle_reservation(self, id: int, what: str, body: Mapping[str, Any]) -> ReservationGiven:
        """`built` or `withdraw`."""


def create(*, request: NewApplication, now: datetime) -> tuple[ConnectionApplication, bool]:
    """Record an application; it, and whether it is new.

    Raises
    ------
    Conflict
        When the idempotency key was used for another request.
    """
    body = request.model_dump(mode="json", exclude={"idempotency_key"})
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    earlier = _by_key(request.idempotency_key, digest)
    if earlier is not None:
        return earlier, False
    try:
        with transaction.atomic():
            made = ConnectionApplication.objects.create(
                number=_next_number(now.year),
                applicant_name=request.applicant.name,
                applicant_contact=request.applicant.contact,
                longitude=request.point[0],
                latitude=request.point[1],
                kva=request.kva,
                phases=request.phases,
                supplies=request.supplies,
                independence=request.independence,
                wanted_on=request.wanted_on,
                note=request.note,
                created_at=now,
                idempotency_key=request.idempotency_key,
                request_digest=digest,
            )
            _log(made, "received", request.decided_by, "", now)
        return made, True
    except IntegrityError:
        earlier = _by_key(request.idempotency_key, digest)
        if earlier is None:
            raise
        return earlier, False


def scheme_question(*, application: ConnectionApplication, asking: AskingSchemes) -> dict[str, Any]:
    """The question to the engine: what is asked for, and nothing about who asks."""
    return {
        "point": [application.longitude, application.latitude],
        "kva": application.kva,
        "phases": application.phases,
        "supplies": application.supplies,
        "independence": application.independence,
        "k": asking.k,
        "state": asking.state,
        "rules": asking.rules,
    }


def keep_schemes(
    *, number: str, asking: AskingSchemes, question: Mapping[str, Any], answer: SchemesGiven, now: datetime
) -> ConnectionApplication:
    """Keep what the engine answered beside the earlier answers."""
    with transaction.atomic():
        application = locked(number)
        to = move(application, "ask schemes")
        sequence = SchemeAnswer.objects.filter(application=application).count() + 1
        SchemeAnswer.objects.create(
            application=application,
            sequence=sequence,
            asked_at=now,
            asked_by=asking.decided_by,
            question=dict(question),
            answer=answer.whole,
        )
        application.counties = sorted({*application.counties, *answer.searched.counties})
        details = {
            "answer": sequence,
            "schemes": len(answer.schemes),
            "pairs": len(answer.pairs),
            "reservations_version": answer.reservations_version,
        }
        record_step(application, "schemes asked", asking.decided_by, to, now, details)
    return application


def accept(*, number: str, accepting: Accepting, engine: Engine, now: datetime) -> ConnectionApplication:
    """Accept a scheme of an answer: the engine holds its capacity, or refuses.

    Raises
    ------
    Conflict
        When the application is in no state for it, or has no such scheme.
    EngineRefused
        With the engine's reason, when somebody else took the capacity; the application is as it was.
    EngineAway
        When the outcome is not known; the application is `accepting` until it is settled.
    """
    with transaction.atomic():
        application = locked(number)
        to = move(application, "accept")
        answer, schemes = _chosen(application, accepting)
        application.attempts += 1
        application.intent = {
            "do": "reserve",
            "decided_by": accepting.decided_by,
            "body": reserving_body(application, answer.question, schemes, decided_by=accepting.decided_by),
        }
        details = {
            "answer": answer.sequence,
            "cost": round(sum(one["cost"]["total"] for one in schemes), 2),
            "attach": [one["attach"]["id"] for one in schemes],
        }
        record_step(application, "accept", accepting.decided_by, to, now, details)
    return settle(number=number, engine=engine, now=now)


def reserving_body(
    application: ConnectionApplication,
    question: Mapping[str, Any],
    schemes: Sequence[Mapping[str, Any]],
    *,
    decided_by: str,
) -> dict[str, Any]:
    """What the engine is asked to hold for the latest attempt of an application, which its key tells."""
    return {
        **{key: value for key, value in question.items() if key != "k"},
        "chosen": [{"attach": one["attach"], "conductor": one["conductor"]} for one in schemes],
        "operator": decided_by,
        "reason": f"connection application {application.number}",
        "idempotency_key": f"application-{application.number}-{application.attempts}",
    }


def withdraw(*, number: str, deciding: Deciding, engine: Engine, now: datetime) -> ConnectionApplication:
    """The applicant does not want it any more; what is reserved for it is let go."""
    return _end(number=number, deciding=deciding, what="withdraw", engine=engine, now=now)


def built(*, number: str, deciding: Deciding, engine: Engine, now: datetime) -> ConnectionApplication:
    """The connection stands and the customer is in the grid package: the reservation ends."""
    return _end(number=number, deciding=deciding, what="built", engine=engine, now=now)


def reject(*, number: str, rejecting: Rejecting, now: datetime) -> ConnectionApplication:
    """The utility refuses, and says why."""
    with transaction.atomic():
        application = locked(number)
        to = move(application, "reject")
        record_step(application, "reject", rejecting.decided_by, to, now, {"reason": rejecting.reason})
    return application


def settle(*, number: str, engine: Engine, now: datetime) -> ConnectionApplication:
    """Bring an unsettled application to its outcome, by asking the engine again what it was asked.

    Nothing to do where it is settled. The row is locked while the engine is asked, so that an answer that was
    overtaken by another can undo nothing.

    Raises
    ------
    EngineRefused
        When the engine refuses; the application went back, and the refusal is in its history.
    EngineAway, EngineAnswerUnusable
        When the outcome is still not known; nothing was written.
    """
    refusal: EngineRefused | None = None
    with transaction.atomic():
        application = locked(number)
        if application.status not in UNSETTLED:
            return application
        done, back = _OUTCOME[ApplicationStatus(application.status)]
        intent, reserved = application.intent, application.reservation_id
        assert intent is not None  # a constraint of the table
        application.intent = None
        details: dict[str, Any] = {}
        try:
            if intent["do"] == "reserve":
                given = engine.reserve(intent["body"])
                _refuse_taken_number(application, given.reservation.id)
                application.reservation_id = given.reservation.id
                details["reservation"] = given.reservation.id
                details["cost"] = given.reservation.cost
                if given.reservation.state != "held":  # settled in the engine by somebody else meanwhile
                    details["state_in_engine"] = given.reservation.state
            else:
                assert reserved is not None  # and this one
                given = engine.settle_reservation(reserved, intent["do"], intent["body"])
            application.reservation = given.whole["reservation"]
            to = done
        except EngineRefused as error:
            if error.status == 404 and intent["do"] != "reserve":
                details["engine"] = (
                    error.detail
                )  # it holds nothing of this number: so nothing is to be let go
                to = done
            else:
                refusal, to = error, back
                details["refused"] = error.problem
        record_step(application, str(to), intent["decided_by"], to, now, details)
    if refusal is not None:
        raise refusal
    return application


def _refuse_taken_number(application: ConnectionApplication, id: int) -> None:
    """The engine gives a number once; another application has it where a database was set back."""
    other = ConnectionApplication.objects.filter(reservation_id=id).exclude(pk=application.pk).first()
    if other is not None:
        raise EngineAnswerUnusable(
            f"the engine reserved under number {id}, which application {other.number} has: one of the two "
            "databases was set back; run 'python -m api reconcile'"
        )


def unsettled() -> list[str]:
    """Numbers of the applications whose outcome in the engine is not known, oldest first."""
    rows = ConnectionApplication.objects.filter(status__in=UNSETTLED).order_by("id")
    return list(rows.values_list("number", flat=True))


def _end(
    *, number: str, deciding: Deciding, what: str, engine: Engine, now: datetime
) -> ConnectionApplication:
    with transaction.atomic():
        application = locked(number)
        to = move(application, what)
        if to in UNSETTLED:
            application.intent = {
                "do": what,
                "decided_by": deciding.decided_by,
                "body": {"operator": deciding.decided_by, "reason": f"connection application {number}"},
            }
        record_step(application, what, deciding.decided_by, to, now, {"reason": deciding.reason})
    return settle(number=number, engine=engine, now=now) if to in UNSETTLED else application


def _chosen(
    application: ConnectionApplication, accepting: Accepting
) -> tuple[SchemeAnswer, list[dict[str, Any]]]:
    """The answer that is meant, and the one scheme or the two of it."""
    rows = SchemeAnswer.objects.filter(application=application).order_by("-sequence")
    answer = (rows if accepting.answer is None else rows.filter(sequence=accepting.answer)).first()
    if answer is None:
        raise Conflict(
            f"application {application.number} has no answer {accepting.answer}; its record lists them"
        )
    kind = "pairs" if application.supplies == 2 else "schemes"
    listed = answer.answer[kind]
    if accepting.rank > len(listed):
        why = answer.answer.get("no_pairs") if kind == "pairs" else None
        hint = f": {why['detail']}" if why else "; ask for schemes again, or choose another"
        raise Conflict(
            f"answer {answer.sequence} of application {application.number} has {len(listed)} {kind}, none of "
            f"rank {accepting.rank}{hint}",
            {"ranks": len(listed)},
        )
    one = listed[accepting.rank - 1]
    return answer, one["supplies"] if kind == "pairs" else [one]


def move(application: ConnectionApplication, what: str) -> ApplicationStatus:
    """Where a decision leads from here.

    Raises
    ------
    Conflict
        Naming what is possible.
    """
    status = ApplicationStatus(application.status)
    possible = MOVES.get(status, {})
    if what in possible:
        return possible[what]
    if status in UNSETTLED:
        how = "it is not yet known whether the engine did what was decided last; settle it first"
        raise Conflict(
            f"application {application.number} is {status}: {how}",
            {"application_status": status, "possible": ["settle"]},
        )
    how = f"possible is {', '.join(possible)}" if possible else "nothing more can be decided"
    raise Conflict(
        f"application {application.number} is {status}: it cannot take the decision {what!r}; {how}",
        {"application_status": status, "possible": list(possible)},
    )


def locked(number: str) -> ConnectionApplication:
    """An application that nobody else changes until the transaction ends; NotFound when there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{_LOCK_WAIT_S}s"])
    found = ConnectionApplication.objects.select_for_update().filter(number=number).first()
    if found is None:
        raise NotFound(f"no application has the number {number!r}; GET /api/v1/applications lists them")
    return found


def _by_key(key: str | None, digest: str) -> ConnectionApplication | None:
    if key is None:
        return None
    earlier = ConnectionApplication.objects.filter(idempotency_key=key).first()
    if earlier is not None and earlier.request_digest != digest:
        raise Conflict(
            f"idempotency_key {key!r} was used for another request, which made application "
            f"{earlier.number}; use a new key",
            {"application": earlier.number},
        )
    return earlier


def _next_number(year: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO application_number (year, last) VALUES (%s, 1)"
            " ON CONFLICT (year) DO UPDATE SET last = application_number.last + 1 RETURNING last",
            [year],
        )
        (last,) = cursor.fetchone()
    return f"{year}-{last:06d}"


def record_step(
    application: ConnectionApplication,
    kind: str,
    decided_by: str,
    to: ApplicationStatus,
    now: datetime,
    details: Mapping[str, Any],
) -> None:
    """Save the application in its next state and version, and write the entry of that number."""
    before = application.status
    application.status = to
    application.version += 1
    application.save()
    _log(application, kind, decided_by, before, now, details)


def _log(
    application: ConnectionApplication,
    kind: str,
    decided_by: str,
    before: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    ApplicationStep.objects.create(
        application=application,
        sequence=application.version,
        at=now,
        kind=kind,
        decided_by=decided_by,
        from_status=before,
        to_status=application.status,
        details=dict(details or {}),
    )
