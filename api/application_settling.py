"""What was decided about an application and is not known to be done in the engine, brought to its outcome.

The decision was written down with the very request and its key. Whoever settles it asks the engine the same
again, and writes what came of it. Talks to the engine through what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction

from api.application_states import locked, record_step
from api.engine_answers import ReservationGiven
from api.engine_client import EngineAnswerUnusable, EngineRefused
from api.models import UNSETTLED, ApplicationStatus, ConnectionApplication

_OUTCOME = {
    ApplicationStatus.ACCEPTING: (ApplicationStatus.ACCEPTED, ApplicationStatus.OFFERED),
    ApplicationStatus.WITHDRAWING: (ApplicationStatus.WITHDRAWN, ApplicationStatus.ACCEPTED),
    ApplicationStatus.COMPLETING: (ApplicationStatus.BUILT, ApplicationStatus.ACCEPTED),
}
"""Unsettled status → where it leads when the engine did it, and where back to when it refuses."""


class Engine(Protocol):
    """What of the engine an application needs."""

    def reserve(self, body: Mapping[str, Any]) -> ReservationGiven:
        """Hold the capacity of a scheme."""

    def settle_reservation(self, id: int, what: str, body: Mapping[str, Any]) -> ReservationGiven:
        """`built` or `withdraw`."""


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
