"""The record of switching: operations, interruptions that they made, answers given; versions of counties."""

from __future__ import annotations

from django.contrib.gis.db import models
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField
from django.contrib.postgres.indexes import GistIndex
from django.db.models import CheckConstraint, F, Func, Q, Value

from gis_service.models.columns import identifier


def _digest(column: str) -> Func:
    return Func(F(column), Value(0), function="hashtextextended", output_field=models.BigIntegerField())


class CountyVersion(models.Model):
    """The counters of one county; the row outlives the county, so that no version is ever given twice."""

    county_code = models.TextField(primary_key=True, db_collation="C")
    version = models.BigIntegerField()  # rises with every load, unload and switch operation
    topology_version = models.BigIntegerField()  # rises with every load and unload: the epoch of the log
    last_operation = models.BigIntegerField()  # the newest `switch_operation.id` given out
    last_interruption = models.BigIntegerField()  # the newest `interruption.id` given out
    loaded_at = models.DateTimeField(null=True)  # null: the county is not loaded at present
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "county_version"


class SwitchOperation(models.Model):
    """One operation of one switch, as reported; rows are added and never changed.

    `id` counts up within the county in the order of recording. A row counts only in its `epoch`, the
    county's topology version when it was recorded. It outlives its switch and its county.
    """

    pk = models.CompositePrimaryKey("county_code", "id")
    county_code = identifier()
    id = models.BigIntegerField()
    epoch = models.BigIntegerField()
    switch_id = identifier()
    open = models.BooleanField()
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    reason = models.TextField()
    operator = models.TextField()
    idempotency_key = identifier(null=True)

    class Meta:
        db_table = "switch_operation"
        constraints = [
            CheckConstraint(condition=~Q(switch_id=""), name="switch_operation_switch_id"),
            CheckConstraint(condition=~Q(idempotency_key=""), name="switch_operation_key"),
            models.UniqueConstraint(
                fields=["county_code", "idempotency_key"], name="switch_operation_key_once"
            ),
        ]
        indexes = [
            models.Index(
                F("county_code"),
                F("switch_id"),
                F("at").desc(),
                F("id").desc(),
                name="switch_operation_latest",
            ),
            models.Index(fields=["county_code", "at"], name="switch_operation_at"),
        ]


class Interruption(models.Model):
    """A time `[from, to)` in which one customer was not supplied; no end yet means it lasts.

    The intervals of one customer never overlap. The cause is the switch operation that began it, where
    one did; its county may be another one.
    """

    pk = models.CompositePrimaryKey("county_code", "id")
    county_code = identifier()
    id = models.BigIntegerField()
    customer_id = identifier()
    during = DateTimeRangeField()
    cause_county = identifier(null=True)
    cause_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "interruption"
        constraints = [
            CheckConstraint(
                condition=Q(during__isempty=False)
                & Q(during__lower_inf=False)
                & Q(during__lower_inc=True)
                & Q(during__upper_inc=False),
                name="interruption_half_open",
            ),
            CheckConstraint(
                condition=Q(cause_county__isnull=True, cause_id__isnull=True)
                | Q(cause_county__isnull=False, cause_id__isnull=False),
                name="interruption_cause",
            ),
            ExclusionConstraint(
                name="interruption_no_overlap",
                # the first one says where in the index a row goes: a number does so in a quarter of the time
                expressions=[
                    (_digest("customer_id"), "="),
                    ("during", "&&"),
                    ("customer_id", "="),
                    ("county_code", "="),
                ],
            ),
        ]
        indexes = [
            GistIndex(fields=["during"], name="interruption_during"),
            models.Index(
                fields=["county_code", "customer_id"],
                name="interruption_lasting",
                condition=Q(during__upper_inf=True),
            ),
        ]


class SwitchAnswer(models.Model):
    """The answer a batch of operations was given, for when it is sent again; `id` is one of its keys.

    `request` is a digest of the whole batch; the answer is kept as text, to be given again as it was.
    """

    pk = models.CompositePrimaryKey("county_code", "id")
    county_code = identifier()
    id = identifier()
    request = models.TextField()
    answer = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "switch_answer"
        indexes = [models.Index(fields=["id"], name="switch_answer_by_key")]
