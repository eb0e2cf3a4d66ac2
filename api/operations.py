"""Writes: opening an outage record and every step after it, each one transaction.

The time is passed in and so is what the engine answered; nothing here looks at a clock or talks to the
engine. A record is locked while it is changed, and a caller who names the version they saw is refused when it
has moved on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import IntegrityError, connection, transaction

from api.engine_answers import OutageImpact
from api.faults import Conflict, Impossible, NotFound
from api.models import (
    AffectedCustomer,
    Outage,
    OutageAssessment,
    OutageStatus,
    OutageStep,
    StepKind,
)
from api.schemas import NewOutage, OutageCancelling, OutageChange, OutageClosing, OutageRefreshing

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far ahead a reporter's clock may be before a time in the future is refused."""

_JUST_BEFORE = timedelta(milliseconds=1)
_ROWS_PER_STATEMENT = 5000


def request_digest(*, request: NewOutage) -> str:
    """SHA-256 of the body as understood, the key itself left out: tells a repeat from another request."""
    body = request.model_dump(mode="json", exclude={"idempotency_key"})
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def check_times(*, request: NewOutage, now: datetime) -> None:
    """Refuse times that cannot be; Impossible names the field."""
    started_at = request.started_at or now
    if request.kind == "unplanned" and started_at > now + CLOCK_TOLERANCE:
        raise Impossible("started_at lies in the future; an outage still to come is of kind planned")
    if request.expected_restoration_at is not None and request.expected_restoration_at < started_at:
        raise Impossible("expected_restoration_at lies before started_at; correct one")


def question_for(
    *, out: list[str], faults: list[str], started_at: datetime | None, now: datetime
) -> dict[str, Any]:
    """The question to the engine.

    A moment in the past is asked with the switch states just before it: what protection or a crew opened at
    that moment would otherwise count as open beforehand, and nobody behind it as affected.
    """
    question: dict[str, Any] = {"out": out, "faults": faults, "include": ["customers", "districts"]}
    if started_at is not None and started_at <= now:
        question["at"] = (started_at - _JUST_BEFORE).isoformat()
    return question


def open_outage(
    *, request: NewOutage, question: Mapping[str, Any], impact: OutageImpact, now: datetime
) -> tuple[Outage, bool]:
    """Store a new record with its affected customers; the record, and whether it is new.

    Two requests with the same idempotency key at the same moment give one record: the later finds the
    earlier's.

    Raises
    ------
    Conflict
        When the idempotency key was used for another request.
    """
    try:
        with transaction.atomic():
            outage = Outage.objects.create(
                number=_next_number(year=now.year),
                kind=request.kind,
                out=request.out_ids,
                faults=list(request.faults),
                counties=_counties(impact),
                cause=request.cause,
                note=request.note,
                started_at=request.started_at or now,
                expected_restoration_at=request.expected_restoration_at,
                opened_at=now,
                idempotency_key=request.idempotency_key,
                request_digest=request_digest(request=request),
            )
            _store_assessment(outage=outage, sequence=1, question=question, impact=impact, now=now)
            _log(
                outage=outage,
                sequence=1,
                kind=StepKind.OPENED,
                operator=request.operator,
                changes={},
                now=now,
            )
        return outage, True
    except IntegrityError:
        earlier = opened_before(request=request)
        if earlier is None:
            raise
        return earlier, False


def opened_before(*, request: NewOutage) -> Outage | None:
    """The record that a request with the same key opened before; Conflict when that was another request."""
    if request.idempotency_key is None:
        return None
    earlier = Outage.objects.filter(idempotency_key=request.idempotency_key).first()
    if earlier is not None and earlier.request_digest != request_digest(request=request):
        raise Conflict(
            f"idempotency_key {request.idempotency_key!r} was used for another request, which opened outage"
            f" {earlier.number}; use a new key",
            {"outage": earlier.number},
        )
    return earlier


def change_outage(*, number: str, change: OutageChange, now: datetime) -> Outage:
    """Change the named fields of an open record."""
    with transaction.atomic():
        outage = _locked(number=number, version=change.version)
        _must_be_open(outage, "changed")
        changes: dict[str, Any] = {}
        for field in ("cause", "note", "expected_restoration_at"):
            if field not in change.model_fields_set:
                continue
            before, after = getattr(outage, field), getattr(change, field)
            if before != after:
                changes[field] = [_written(before), _written(after)]
                setattr(outage, field, after)
        if outage.expected_restoration_at is not None and outage.expected_restoration_at < outage.started_at:
            raise Impossible("expected_restoration_at lies before the outage began; correct it")
        if changes:
            _step(outage=outage, kind=StepKind.CHANGED, operator=change.operator, changes=changes, now=now)
    return outage


def close_outage(*, number: str, closing: OutageClosing, now: datetime) -> Outage:
    """Supply is restored: the record is closed for good."""
    with transaction.atomic():
        outage = _locked(number=number, version=closing.version)
        _must_be_open(outage, "closed")
        if closing.restored_at < outage.started_at:
            raise Impossible("restored_at lies before the outage began; correct it")
        if closing.restored_at > now + CLOCK_TOLERANCE:
            raise Impossible("restored_at lies in the future; close the record when supply is back")
        outage.status = OutageStatus.CLOSED
        outage.restored_at = closing.restored_at
        changes = {"status": ["open", "closed"], "restored_at": [None, _written(closing.restored_at)]}
        _step(outage=outage, kind=StepKind.CLOSED, operator=closing.operator, changes=changes, now=now)
    return outage


def cancel_outage(*, number: str, cancelling: OutageCancelling, now: datetime) -> Outage:
    """The outage never took place: the record stays, marked so."""
    with transaction.atomic():
        outage = _locked(number=number, version=cancelling.version)
        _must_be_open(outage, "cancelled")
        outage.status = OutageStatus.CANCELLED
        changes: dict[str, Any] = {"status": ["open", "cancelled"]}
        if cancelling.reason:
            changes["reason"] = [None, cancelling.reason]
        _step(outage=outage, kind=StepKind.CANCELLED, operator=cancelling.operator, changes=changes, now=now)
    return outage


def refresh_outage(
    *,
    number: str,
    refreshing: OutageRefreshing,
    question: Mapping[str, Any],
    impact: OutageImpact,
    now: datetime,
) -> Outage:
    """Add a new assessment beside the earlier ones."""
    with transaction.atomic():
        outage = _locked(number=number, version=refreshing.version)
        _must_be_open(outage, "refreshed")
        last = (
            OutageAssessment.objects.filter(outage=outage)
            .order_by("-sequence")
            .only("sequence", "customers")[0]
        )
        _store_assessment(
            outage=outage, sequence=last.sequence + 1, question=question, impact=impact, now=now
        )
        outage.counties = sorted({*outage.counties, *_counties(impact)})
        changes = {
            "assessment": [last.sequence, last.sequence + 1],
            "customers": [last.customers, impact.affected.customers],
            "state": [None, refreshing.state],
        }
        _step(outage=outage, kind=StepKind.REFRESHED, operator=refreshing.operator, changes=changes, now=now)
    return outage


def _next_number(*, year: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outage_number (year, last) VALUES (%s, 1)"
            " ON CONFLICT (year) DO UPDATE SET last = outage_number.last + 1 RETURNING last",
            [year],
        )
        (last,) = cursor.fetchone()
    return f"{year}-{last:06d}"


def _locked(*, number: str, version: int | None) -> Outage:
    outage = Outage.objects.select_for_update().filter(number=number).first()
    if outage is None:
        raise NotFound(f"no outage has the number {number!r}; GET /api/v1/outages lists them")
    if version is not None and version != outage.version:
        raise Conflict(
            f"outage {number} is at version {outage.version}, you saw {version}; read it again and repeat",
            {"version": outage.version},
        )
    return outage


def _must_be_open(outage: Outage, what: str) -> None:
    if outage.status != OutageStatus.OPEN:
        raise Conflict(
            f"outage {outage.number} is {outage.status} and cannot be {what}; open a new record instead",
            {"version": outage.version, "outage_status": outage.status},
        )


def _step(
    *, outage: Outage, kind: StepKind, operator: str, changes: Mapping[str, Any], now: datetime
) -> None:
    """Save the record under its next version and write the log entry of that number."""
    outage.version += 1
    outage.save()
    _log(outage=outage, sequence=outage.version, kind=kind, operator=operator, changes=changes, now=now)


def _log(
    *,
    outage: Outage,
    sequence: int,
    kind: StepKind,
    operator: str,
    changes: Mapping[str, Any],
    now: datetime,
) -> None:
    OutageStep.objects.create(
        outage=outage, sequence=sequence, at=now, kind=kind, operator=operator, changes=dict(changes)
    )


def _store_assessment(
    *, outage: Outage, sequence: int, question: Mapping[str, Any], impact: OutageImpact, now: datetime
) -> None:
    assessment = OutageAssessment.objects.create(
        outage=outage,
        sequence=sequence,
        answered_at=now,
        as_of=impact.as_of,
        question=dict(question),
        grid_version=impact.grid_version,
        partial=impact.partial,
        missing_counties=sorted(impact.missing_counties),
        customers=impact.affected.customers,
        affected=impact.affected.model_dump(mode="json"),
        by_county={code: sums.model_dump(mode="json") for code, sums in impact.by_county.items()},
        opened=impact.opened,
        districts=[district.model_dump(mode="json") for district in impact.districts],
    )
    AffectedCustomer.objects.bulk_create(
        (
            AffectedCustomer(
                assessment=assessment,
                position=position,
                customer_id=customer.id,
                county_code=customer.county_code,
                district_id=customer.district_id,
                node_id=customer.node_id,
                customer_class=customer.customer_class,
                critical_grade=customer.critical_grade,
                contracted_kva=customer.contracted_kva,
                longitude=customer.point[0],
                latitude=customer.point[1],
            )
            for position, customer in enumerate(impact.customers)
        ),
        batch_size=_ROWS_PER_STATEMENT,
    )


def _counties(impact: OutageImpact) -> list[str]:
    affected = {code for code, sums in impact.by_county.items() if sums.customers}
    return sorted(affected | set(impact.missing_counties))


def _written(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
