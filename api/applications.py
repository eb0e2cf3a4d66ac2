"""What is decided about connection applications, every decision as one transaction.

What the engine must do (hold capacity, let go of it) is decided here and done there, in another database. So
the decision is written down first, with the very request and its key; then the engine is asked; then the
outcome is written. Whatever dies in between leaves an *unsettled* application, and `application_settling`
asks the same again under the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from api.application_schemas import Accepting, AskingSchemes, Deciding, Rejecting
from api.application_settling import Engine, settle
from api.application_states import locked, move, record_step
from api.engine_answers import SchemesGiven
from api.faults import Conflict
from api.models import UNSETTLED, ConnectionApplication, SchemeAnswer


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
