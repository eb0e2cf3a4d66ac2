"""Reads: connection applications, the engine's answers about them, and their history, in a stated order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.faults import NotFound
from api.models import ApplicationStep, ConnectionApplication, SchemeAnswer
from api.queries import page_of


@dataclass(frozen=True, slots=True)
class ApplicationFilter:
    """Which applications are wanted; None does not restrict. `[since, until)` holds the time of recording."""

    status: str | None = None
    county: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def listed(
    *, wanted: ApplicationFilter, limit: int, cursor: str | None = None
) -> tuple[list[ConnectionApplication], str | None]:
    """A page of applications, the latest recorded first, and the cursor of the next page or None."""
    rows = ConnectionApplication.objects.order_by("-id")
    if wanted.status is not None:
        rows = rows.filter(status=wanted.status)
    if wanted.county is not None:
        rows = rows.filter(counties__contains=[wanted.county])
    if wanted.since is not None:
        rows = rows.filter(created_at__gte=wanted.since)
    if wanted.until is not None:
        rows = rows.filter(created_at__lt=wanted.until)
    return page_of(rows, limit, cursor)


def application(*, number: str) -> ConnectionApplication:
    """The application of that number; NotFound when there is none."""
    found = ConnectionApplication.objects.filter(number=number).first()
    if found is None:
        raise NotFound(f"no application has the number {number!r}; GET /api/v1/applications lists them")
    return found


def scheme_answers(*, application: ConnectionApplication) -> list[SchemeAnswer]:
    """All answers of the engine about an application, the first one first."""
    return list(SchemeAnswer.objects.filter(application=application).order_by("sequence"))


def steps(*, application: ConnectionApplication) -> list[ApplicationStep]:
    """The history of an application, the first entry first."""
    return list(ApplicationStep.objects.filter(application=application).order_by("sequence"))
