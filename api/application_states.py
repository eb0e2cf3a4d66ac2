"""The states of a connection application: what may be decided in each, and every step on record.

An application is changed by one process at a time, in one transaction with the entry of its history. Knows no
engine: what a decision means there is for `applications` and `application_settling` to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from api.faults import Conflict, NotFound
from api.models import UNSETTLED, ApplicationStatus, ApplicationStep, ConnectionApplication

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

_LOCK_WAIT_S = 40


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
    log_step(application, kind, decided_by, before, now, details)


def log_step(
    application: ConnectionApplication,
    kind: str,
    decided_by: str,
    before: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write the entry of an application's present version."""
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
