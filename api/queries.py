"""Reads: outage records, their assessments and affected customers, always in a stated order, page by page.

Pages are keyed (the next one starts after the last row seen), so records opened meanwhile neither shift nor
repeat a row. Nothing is written here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from api.faults import Malformed, NotFound
from api.models import AffectedCustomer, Outage, OutageAssessment, OutageStep

_LARGEST_KEY = 2**63 - 1

Record = TypeVar("Record", bound=Model)


@dataclass(frozen=True, slots=True)
class OutageFilter:
    """Which records are wanted; None does not restrict.

    `device` is in `out` or `faults`. `since` and `until` keep records whose time `[started_at, restored_at)`
    meets `[since, until)`; an open record has no end yet.
    """

    status: str | None = None
    kind: str | None = None
    county: str | None = None
    device: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AssessedOutage:
    """A record with its latest assessment."""

    outage: Outage
    assessment: OutageAssessment


def outages(
    *, wanted: OutageFilter, limit: int, cursor: str | None = None
) -> tuple[list[AssessedOutage], str | None]:
    """A page of records, the latest opened first, and the cursor of the next page or None."""
    rows = Outage.objects.order_by("-id")
    if wanted.status is not None:
        rows = rows.filter(status=wanted.status)
    if wanted.kind is not None:
        rows = rows.filter(kind=wanted.kind)
    if wanted.county is not None:
        rows = rows.filter(counties__contains=[wanted.county])
    if wanted.device is not None:
        rows = rows.filter(Q(out__contains=[wanted.device]) | Q(faults__contains=[wanted.device]))
    if wanted.since is not None:
        rows = rows.filter(Q(restored_at__isnull=True) | Q(restored_at__gt=wanted.since))
    if wanted.until is not None:
        rows = rows.filter(started_at__lt=wanted.until)
    page, following = page_of(rows, limit, cursor)
    latest = {
        assessment.outage_id: assessment
        for assessment in OutageAssessment.objects.filter(outage__in=page)
        .order_by("outage_id", "-sequence")
        .distinct("outage_id")
    }
    listed = [AssessedOutage(outage, latest[outage.pk]) for outage in page]
    return listed, following


def page_of(rows: QuerySet[Record], limit: int, cursor: str | None) -> tuple[list[Record], str | None]:
    """A page of records that are ordered by falling id, and the cursor of the next page or None."""
    if cursor is not None:
        rows = rows.filter(id__lt=key_of(cursor))
    page = list(rows[: limit + 1])
    return page[:limit], cursor_of(page[limit - 1].pk) if len(page) > limit else None


def outage(*, number: str) -> Outage:
    """The record of that number; NotFound when there is none."""
    found = Outage.objects.filter(number=number).first()
    if found is None:
        raise NotFound(f"no outage has the number {number!r}; GET /api/v1/outages lists them")
    return found


def assessments(*, outage: Outage) -> list[OutageAssessment]:
    """All answers of the engine about a record, the first one first."""
    return list(OutageAssessment.objects.filter(outage=outage).order_by("sequence"))


def assessment(*, outage: Outage, sequence: int | None) -> OutageAssessment:
    """One answer of the engine, the latest when `sequence` is None; NotFound when there is no such one."""
    rows = OutageAssessment.objects.filter(outage=outage).order_by("-sequence")
    found = (rows if sequence is None else rows.filter(sequence=sequence)).first()
    if found is None:
        raise NotFound(f"outage {outage.number} has no assessment {sequence}; its record lists them")
    return found


def steps(*, outage: Outage) -> list[OutageStep]:
    """The log of a record, the first entry first."""
    return list(OutageStep.objects.filter(outage=outage).order_by("sequence"))


def customers(
    *, assessment: OutageAssessment, limit: int, cursor: str | None = None
) -> tuple[list[AffectedCustomer], str | None]:
    """A page of affected customers in the engine's order (county, id), and the next cursor or None."""
    rows = AffectedCustomer.objects.filter(assessment=assessment).order_by("position")
    if cursor is not None:
        rows = rows.filter(position__gt=key_of(cursor))
    page = list(rows[: limit + 1])
    if len(page) <= limit:
        return page, None
    return page[:limit], cursor_of(page[limit - 1].position)


def every_customer(*, assessment: OutageAssessment) -> Iterator[AffectedCustomer]:
    """All affected customers in the engine's order (county, id), read as they are needed."""
    return (
        AffectedCustomer.objects.filter(assessment=assessment).order_by("position").iterator(chunk_size=2000)
    )


def cursor_of(key: int) -> str:
    """The cursor of the page after the row of this key."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def key_of(cursor: str) -> int:
    """The key in a cursor; Malformed where it is none."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST_KEY):
        raise Malformed("cursor", "not a cursor of this list; follow the address in next")
    return int(text)
