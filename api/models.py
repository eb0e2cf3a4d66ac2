"""What the business database holds of outages: records, assessments, affected customers, steps.

An `Outage` is one PlannedOutage or UnplannedOutage of one or more devices. Each time the engine is asked who
loses supply, its whole answer becomes an `OutageAssessment` with its `AffectedCustomer` rows; assessments are
never changed or deleted, so the first list and every later one stay. `OutageStep` is the log of what people
did. The rules that must never be broken are constraints of the database. No queries and no decisions here.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

CUSTOMER_CLASSES = ("residential", "commercial", "industrial", "agricultural", "public")
CRITICAL_GRADES = ("special", "first", "second", "temporary")


class OutageKind(models.TextChoices):
    """CIM UnplannedOutage and PlannedOutage."""

    UNPLANNED = "unplanned"
    PLANNED = "planned"


class OutageStatus(models.TextChoices):
    """`closed`: supply is restored; `cancelled`: it never took place, or was recorded by mistake."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class StepKind(models.TextChoices):
    """What a person did to a record."""

    OPENED = "opened"
    CHANGED = "changed"
    REFRESHED = "refreshed"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class OutageNumber(models.Model):
    """The last number given out in a year; the row's lock makes numbers unique and gapless."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last = models.PositiveIntegerField()

    class Meta:
        db_table = "outage_number"
        constraints = [
            models.CheckConstraint(name="outage_number_year", condition=Q(year__gte=2000, year__lte=9999)),
        ]


class Outage(models.Model):
    """One outage record, named by its `number` (`2026-000123`: year of recording in UTC, running number)."""

    number = models.CharField(max_length=16, unique=True)
    kind = models.CharField(max_length=16, choices=OutageKind.choices)
    status = models.CharField(max_length=16, choices=OutageStatus.choices, default=OutageStatus.OPEN)
    out = ArrayField(models.CharField(max_length=200), default=list)
    faults = ArrayField(models.CharField(max_length=200), default=list)
    counties = ArrayField(models.CharField(max_length=12), default=list)
    cause = models.CharField(max_length=200, blank=True, default="")
    note = models.TextField(max_length=4000, blank=True, default="")
    started_at = models.DateTimeField()
    expected_restoration_at = models.DateTimeField(null=True)
    restored_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    idempotency_key = models.CharField(max_length=200, null=True, unique=True)
    request_digest = models.CharField(max_length=64)

    class Meta:
        db_table = "outage"
        constraints = [
            models.CheckConstraint(
                name="outage_number_form", condition=Q(number__regex=r"^[0-9]{4}-[0-9]{6,}$")
            ),
            models.CheckConstraint(name="outage_kind", condition=Q(kind__in=OutageKind.values)),
            models.CheckConstraint(name="outage_status", condition=Q(status__in=OutageStatus.values)),
            models.CheckConstraint(
                name="outage_names_a_device", condition=~Q(out__len=0) | ~Q(faults__len=0)
            ),
            models.CheckConstraint(
                name="outage_restored_when_closed",
                condition=Q(status=OutageStatus.CLOSED, restored_at__isnull=False)
                | (~Q(status=OutageStatus.CLOSED) & Q(restored_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="outage_restored_after_start",
                condition=Q(restored_at__isnull=True) | Q(restored_at__gte=F("started_at")),
            ),
            models.CheckConstraint(
                name="outage_expected_after_start",
                condition=Q(expected_restoration_at__isnull=True)
                | Q(expected_restoration_at__gte=F("started_at")),
            ),
            models.CheckConstraint(
                name="outage_key_not_empty",
                condition=Q(idempotency_key__isnull=True) | ~Q(idempotency_key=""),
            ),
            models.CheckConstraint(name="outage_version", condition=Q(version__gte=1)),
        ]
        indexes = [
            models.Index(name="outage_by_status", fields=["status", "-id"]),
            models.Index(name="outage_by_start", fields=["started_at"]),
            GinIndex(name="outage_by_county", fields=["counties"]),
            GinIndex(name="outage_by_out", fields=["out"]),
            GinIndex(name="outage_by_fault", fields=["faults"]),
        ]


class OutageAssessment(models.Model):
    """What the engine answered, whole, when it was asked whom the outage affects.

    `question` is the body as sent; `answered_at` is this process's time, `as_of` the engine's. `affected` and
    `by_county` are the engine's own sums, `partial` and `missing_counties` its own admission of what it could
    not see.
    """

    outage = models.ForeignKey(Outage, on_delete=models.PROTECT, related_name="assessments")
    sequence = models.PositiveIntegerField()
    answered_at = models.DateTimeField()
    as_of = models.DateTimeField()
    question = models.JSONField()
    grid_version = models.JSONField()
    partial = models.BooleanField()
    missing_counties = ArrayField(models.CharField(max_length=12), default=list)
    customers = models.PositiveIntegerField()
    affected = models.JSONField()
    by_county = models.JSONField()
    opened = ArrayField(models.CharField(max_length=200), default=list)
    districts = models.JSONField(default=list)

    class Meta:
        db_table = "outage_assessment"
        constraints = [
            models.UniqueConstraint(name="outage_assessment_sequence_once", fields=["outage", "sequence"]),
            models.CheckConstraint(name="outage_assessment_sequence", condition=Q(sequence__gte=1)),
            models.CheckConstraint(
                name="outage_assessment_partial_says_where",
                condition=Q(partial=False, missing_counties__len=0)
                | (Q(partial=True) & ~Q(missing_counties__len=0)),
            ),
        ]


class AffectedCustomer(models.Model):
    """One customer of one assessment, as the engine described it then.

    `position` is the engine's order (county, id). Names and contacts are not here: this is the customer's
    point in the grid.
    """

    assessment = models.ForeignKey(
        OutageAssessment, on_delete=models.PROTECT, related_name="affected_customers"
    )
    position = models.PositiveIntegerField()
    customer_id = models.CharField(max_length=200)
    county_code = models.CharField(max_length=12)
    district_id = models.CharField(max_length=200, null=True)
    node_id = models.CharField(max_length=200)
    customer_class = models.CharField(max_length=16)
    critical_grade = models.CharField(max_length=16, null=True)
    contracted_kva = models.FloatField()
    longitude = models.FloatField()
    latitude = models.FloatField()

    class Meta:
        db_table = "outage_affected_customer"
        constraints = [
            models.UniqueConstraint(name="affected_customer_position", fields=["assessment", "position"]),
            models.UniqueConstraint(name="affected_customer_once", fields=["assessment", "customer_id"]),
            models.CheckConstraint(
                name="affected_customer_class", condition=Q(customer_class__in=CUSTOMER_CLASSES)
            ),
            models.CheckConstraint(
                name="affected_customer_grade",
                condition=Q(critical_grade__isnull=True) | Q(critical_grade__in=CRITICAL_GRADES),
            ),
            models.CheckConstraint(name="affected_customer_kva", condition=Q(contracted_kva__gte=0)),
            models.CheckConstraint(
                name="affected_customer_point",
                condition=Q(longitude__gte=-180, longitude__lte=180, latitude__gte=-90, latitude__lte=90),
            ),
        ]
        indexes = [models.Index(name="affected_customer_by_id", fields=["customer_id"])]


class OutageStep(models.Model):
    """One entry of a record's log: who did what when, and which fields changed from what to what."""

    outage = models.ForeignKey(Outage, on_delete=models.PROTECT, related_name="steps")
    sequence = models.PositiveIntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=16, choices=StepKind.choices)
    operator = models.CharField(max_length=100, blank=True, default="")
    changes = models.JSONField(default=dict)

    class Meta:
        db_table = "outage_step"
        constraints = [
            models.UniqueConstraint(name="outage_step_sequence_once", fields=["outage", "sequence"]),
            models.CheckConstraint(name="outage_step_kind", condition=Q(kind__in=StepKind.values)),
        ]


class ApplicationStatus(models.TextChoices):
    """Where a connection application stands; `application_states.MOVES` says what leads where.

    `accepting`, `withdrawing` and `completing`: decided here, and not yet known to be done in the engine.
    """

    RECEIVED = "received"
    OFFERED = "offered"
    ACCEPTING = "accepting"
    ACCEPTED = "accepted"
    WITHDRAWING = "withdrawing"
    COMPLETING = "completing"
    BUILT = "built"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"


UNSETTLED = (ApplicationStatus.ACCEPTING, ApplicationStatus.WITHDRAWING, ApplicationStatus.COMPLETING)


class ApplicationNumber(models.Model):
    """The last number given out in a year, as for outages."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last = models.PositiveIntegerField()

    class Meta:
        db_table = "application_number"
        constraints = [
            models.CheckConstraint(
                name="application_number_year", condition=Q(year__gte=2000, year__lte=9999)
            ),
        ]


class ConnectionApplication(models.Model):
    """Somebody who wants to be connected, and what was decided about it.

    Name and contact are held here alone: the engine is given the number of the application. `intent` is what
    the engine is to be asked, written down before it is asked; it stays until the outcome is known.
    """

    number = models.CharField(max_length=16, unique=True)
    status = models.CharField(
        max_length=16, choices=ApplicationStatus.choices, default=ApplicationStatus.RECEIVED
    )
    applicant_name = models.CharField(max_length=200)
    applicant_contact = models.CharField(max_length=400, blank=True, default="")
    longitude = models.FloatField()
    latitude = models.FloatField()
    kva = models.FloatField()
    phases = models.CharField(max_length=4)
    supplies = models.PositiveSmallIntegerField()
    independence = models.CharField(max_length=16)
    wanted_on = models.DateField(null=True)
    note = models.TextField(max_length=4000, blank=True, default="")
    counties = ArrayField(models.CharField(max_length=12), default=list)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    attempts = models.PositiveIntegerField(default=0)
    intent = models.JSONField(null=True)
    reservation_id = models.BigIntegerField(null=True, unique=True)
    reservation = models.JSONField(null=True)
    idempotency_key = models.CharField(max_length=200, null=True, unique=True)
    request_digest = models.CharField(max_length=64)

    class Meta:
        db_table = "connection_application"
        constraints = [
            models.CheckConstraint(
                name="application_number_form", condition=Q(number__regex=r"^[0-9]{4}-[0-9]{6,}$")
            ),
            models.CheckConstraint(
                name="application_status", condition=Q(status__in=ApplicationStatus.values)
            ),
            models.CheckConstraint(name="application_named", condition=~Q(applicant_name="")),
            models.CheckConstraint(name="application_kva", condition=Q(kva__gt=0)),
            models.CheckConstraint(name="application_supplies", condition=Q(supplies__in=[1, 2])),
            models.CheckConstraint(
                name="application_point",
                condition=Q(longitude__gte=-180, longitude__lte=180, latitude__gte=-90, latitude__lte=90),
            ),
            models.CheckConstraint(
                name="application_intent_while_unsettled",
                condition=Q(status__in=UNSETTLED, intent__isnull=False)
                | (~Q(status__in=UNSETTLED) & Q(intent__isnull=True)),
            ),
            models.CheckConstraint(
                name="application_reserved_when_accepted",
                condition=~Q(status__in=["accepted", "withdrawing", "completing", "built"])
                | Q(reservation_id__isnull=False),
            ),
            models.CheckConstraint(
                name="application_not_reserved_before",
                condition=~Q(status__in=["received", "offered", "accepting", "rejected"])
                | Q(reservation_id__isnull=True),
            ),
        ]
        indexes = [
            models.Index(name="application_by_status", fields=["status", "-id"]),
            GinIndex(name="application_by_county", fields=["counties"]),
        ]


class SchemeAnswer(models.Model):
    """The engine's answer to a question for supply schemes, whole, and the question; never changed."""

    application = models.ForeignKey(
        ConnectionApplication, on_delete=models.PROTECT, related_name="scheme_answers"
    )
    sequence = models.PositiveIntegerField()
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=100)
    question = models.JSONField()
    answer = models.JSONField()

    class Meta:
        db_table = "application_scheme_answer"
        constraints = [
            models.UniqueConstraint(name="scheme_answer_sequence_once", fields=["application", "sequence"]),
            models.CheckConstraint(name="scheme_answer_sequence", condition=Q(sequence__gte=1)),
        ]


class ApplicationStep(models.Model):
    """One entry of an application's history: who decided what, when, and from which state to which."""

    application = models.ForeignKey(ConnectionApplication, on_delete=models.PROTECT, related_name="steps")
    sequence = models.PositiveIntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=16)
    decided_by = models.CharField(max_length=100)
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16, choices=ApplicationStatus.choices)
    details = models.JSONField(default=dict)

    class Meta:
        db_table = "application_step"
        constraints = [
            models.UniqueConstraint(
                name="application_step_sequence_once", fields=["application", "sequence"]
            ),
            models.CheckConstraint(name="application_step_decided_by", condition=~Q(decided_by="")),
        ]
