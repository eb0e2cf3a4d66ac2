"""Records as clients see them: rows of the database become the models of `schemas`. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

from api.engine_answers import Affected, AffectedDistrict
from api.models import AffectedCustomer, Outage, OutageAssessment, OutageStep
from api.queries import AssessedOutage
from api.schemas import (
    AssessmentOut,
    CustomerOut,
    CustomerPage,
    OutageDetail,
    OutageOut,
    StepOut,
)

ROOT = "/api/v1/outages"


def shown_assessment(assessment: OutageAssessment) -> AssessmentOut:
    """One answer of the engine."""
    return AssessmentOut(
        sequence=assessment.sequence,
        answered_at=assessment.answered_at,
        as_of=assessment.as_of,
        grid_version=assessment.grid_version,
        partial=assessment.partial,
        missing_counties=assessment.missing_counties,
        affected=Affected.model_validate(assessment.affected),
        by_county={code: Affected.model_validate(sums) for code, sums in assessment.by_county.items()},
        opened=assessment.opened,
        question=assessment.question,
    )


def shown_outage(assessed: AssessedOutage) -> OutageOut:
    """A record as the list shows it."""
    return OutageOut(**_common(assessed.outage, assessed.assessment))


def shown_detail(
    outage: Outage, assessments: Sequence[OutageAssessment], steps: Sequence[OutageStep]
) -> OutageDetail:
    """A record with its history; `assessments` and `steps` in order, at least one assessment."""
    latest = assessments[-1]
    return OutageDetail(
        **_common(outage, latest),
        districts=[AffectedDistrict.model_validate(district) for district in latest.districts],
        assessments=[shown_assessment(one) for one in assessments],
        steps=[
            StepOut(
                sequence=step.sequence,
                at=step.at,
                kind=step.kind,
                operator=step.operator,
                changes=step.changes,
            )
            for step in steps
        ],
    )


def shown_customers(
    outage: Outage, assessment: OutageAssessment, customers: Sequence[AffectedCustomer], *, next: str | None
) -> CustomerPage:
    """A page of affected customers."""
    return CustomerPage(
        outage=outage.number,
        assessment=assessment.sequence,
        count=assessment.customers,
        grid_version=assessment.grid_version,
        as_of=assessment.as_of,
        partial=assessment.partial,
        missing_counties=assessment.missing_counties,
        customers=[
            CustomerOut.model_validate(
                {
                    "id": customer.customer_id,
                    "county_code": customer.county_code,
                    "district_id": customer.district_id,
                    "node_id": customer.node_id,
                    "customer_class": customer.customer_class,
                    "critical_grade": customer.critical_grade,
                    "contracted_kva": customer.contracted_kva,
                    "point": (customer.longitude, customer.latitude),
                }
            )
            for customer in customers
        ],
        next=next,
    )


def _common(outage: Outage, latest: OutageAssessment) -> dict[str, object]:
    address = f"{ROOT}/{outage.number}/customers"
    return {
        "id": outage.number,
        "kind": outage.kind,
        "status": outage.status,
        "out": outage.out,
        "faults": outage.faults,
        "counties": outage.counties,
        "cause": outage.cause,
        "note": outage.note,
        "started_at": outage.started_at,
        "expected_restoration_at": outage.expected_restoration_at,
        "restored_at": outage.restored_at,
        "opened_at": outage.opened_at,
        "version": outage.version,
        "assessment": shown_assessment(latest),
        "customers_url": address,
        "customers_csv_url": f"{address}?format=csv",
    }
