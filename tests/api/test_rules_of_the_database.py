"""What must never be stored cannot be, whoever writes: each constraint refuses its case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from api.models import AffectedCustomer, Outage, OutageAssessment, OutageNumber, OutageStep

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def outage(**changes: Any) -> Outage:
    values: dict[str, Any] = {
        "number": "2026-000001",
        "kind": "unplanned",
        "out": ["L1"],
        "started_at": START,
        "opened_at": START,
        "request_digest": "0" * 64,
    }
    return Outage.objects.create(**values | changes)


def assessment(of: Outage, **changes: Any) -> OutageAssessment:
    values: dict[str, Any] = {
        "outage": of,
        "sequence": 1,
        "answered_at": START,
        "as_of": START,
        "question": {},
        "grid_version": {},
        "partial": False,
        "customers": 1,
        "affected": {},
        "by_county": {},
    }
    return OutageAssessment.objects.create(**values | changes)


def customer(of: OutageAssessment, **changes: Any) -> AffectedCustomer:
    values: dict[str, Any] = {
        "assessment": of,
        "position": 0,
        "customer_id": "C1",
        "county_code": "8801",
        "node_id": "n",
        "customer_class": "public",
        "contracted_kva": 1.0,
        "longitude": 1.0,
        "latitude": 2.0,
    }
    return AffectedCustomer.objects.create(**values | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "26-1"},
        {"kind": "forced"},
        {"status": "lost"},
        {"out": []},
        {"status": "closed"},
        {"restored_at": START},
        {"status": "closed", "restored_at": START - timedelta(seconds=1)},
        {"expected_restoration_at": START - timedelta(seconds=1)},
        {"idempotency_key": ""},
        {"version": 0},
    ],
)
def test_a_record_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    outage(number="2026-000002")
    with pytest.raises(IntegrityError), transaction.atomic():
        outage(**changes)


def test_numbers_and_keys_are_unique() -> None:
    outage(idempotency_key="k")
    with pytest.raises(IntegrityError), transaction.atomic():
        outage(idempotency_key="other")
    with pytest.raises(IntegrityError), transaction.atomic():
        outage(number="2026-000002", idempotency_key="k")


@pytest.mark.parametrize(
    "changes",
    [{"sequence": 0}, {"partial": True}, {"missing_counties": ["8802"]}, {"customers": -1}],
)
def test_an_assessment_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    of = outage()
    with pytest.raises(IntegrityError), transaction.atomic():
        assessment(of, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"position": 1},
        {"customer_id": "C2"},
        {"position": 1, "customer_id": "C2", "customer_class": "royal"},
        {"position": 1, "customer_id": "C2", "critical_grade": "third"},
        {"position": 1, "customer_id": "C2", "contracted_kva": -1.0},
        {"position": 1, "customer_id": "C2", "longitude": 181.0},
        {"position": 1, "customer_id": "C2", "latitude": float("nan")},
    ],
)
def test_a_customer_twice_or_out_of_range_is_refused(changes: dict[str, Any]) -> None:
    of = assessment(outage())
    customer(of)
    with pytest.raises(IntegrityError), transaction.atomic():
        customer(of, **changes)


def test_a_record_with_history_cannot_be_deleted() -> None:
    of = outage()
    assessment(of)
    with pytest.raises(ProtectedError):
        of.delete()


def test_a_step_has_its_number_once_and_a_known_kind() -> None:
    of = outage()
    OutageStep.objects.create(outage=of, sequence=1, at=START, kind="opened")
    with pytest.raises(IntegrityError), transaction.atomic():
        OutageStep.objects.create(outage=of, sequence=1, at=START, kind="changed")
    with pytest.raises(IntegrityError), transaction.atomic():
        OutageStep.objects.create(outage=of, sequence=2, at=START, kind="mended")


def test_a_number_belongs_to_a_year_of_four_digits() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        OutageNumber.objects.create(year=26, last=1)


def test_the_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", "api", check_changes=True, dry_run=True, stdout=StringIO())
