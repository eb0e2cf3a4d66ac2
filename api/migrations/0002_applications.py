"""Connection applications."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApplicationNumber",
            fields=[
                ("year", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("last", models.PositiveIntegerField()),
            ],
            options={
                "db_table": "application_number",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("year__gte", 2000), ("year__lte", 9999)),
                        name="application_number_year",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ConnectionApplication",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=16, unique=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("offered", "Offered"),
                            ("accepting", "Accepting"),
                            ("accepted", "Accepted"),
                            ("withdrawing", "Withdrawing"),
                            ("completing", "Completing"),
                            ("built", "Built"),
                            ("withdrawn", "Withdrawn"),
                            ("rejected", "Rejected"),
                        ],
                        default="received",
                        max_length=16,
                    ),
                ),
                ("applicant_name", models.CharField(max_length=200)),
                ("applicant_contact", models.CharField(blank=True, default="", max_length=400)),
                ("longitude", models.FloatField()),
                ("latitude", models.FloatField()),
                ("kva", models.FloatField()),
                ("phases", models.CharField(max_length=4)),
                ("supplies", models.PositiveSmallIntegerField()),
                ("independence", models.CharField(max_length=16)),
                ("wanted_on", models.DateField(null=True)),
                ("note", models.TextField(blank=True, default="", max_length=4000)),
                (
                    "counties",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=12), default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("version", models.PositiveIntegerField(default=1)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("intent", models.JSONField(null=True)),
                ("reservation_id", models.BigIntegerField(null=True, unique=True)),
                ("reservation", models.JSONField(null=True)),
                ("idempotency_key", models.CharField(max_length=200, null=True, unique=True)),
                ("request_digest", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "connection_application",
                "indexes": [
                    models.Index(fields=["status", "-id"], name="application_by_status"),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["counties"], name="application_by_county"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("number__regex", "^[0-9]{4}-[0-9]{6,}$")),
                        name="application_number_form",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "received",
                                    "offered",
                                    "accepting",
                                    "accepted",
                                    "withdrawing",
                                    "completing",
                                    "built",
                                    "withdrawn",
                                    "rejected",
                                ],
                            )
                        ),
                        name="application_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("applicant_name", ""), _negated=True), name="application_named"
                    ),
                    models.CheckConstraint(condition=models.Q(("kva__gt", 0)), name="application_kva"),
                    models.CheckConstraint(
                        condition=models.Q(("supplies__in", [1, 2])), name="application_supplies"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("latitude__gte", -90),
                            ("latitude__lte", 90),
                            ("longitude__gte", -180),
                            ("longitude__lte", 180),
                        ),
                        name="application_point",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("intent__isnull", False),
                                ("status__in", ("accepting", "withdrawing", "completing")),
                            ),
                            models.Q(
                                models.Q(
                                    ("status__in", ("accepting", "withdrawing", "completing")), _negated=True
                                ),
                                ("intent__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="application_intent_while_unsettled",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("status__in", ["accepted", "withdrawing", "completing", "built"]),
                                _negated=True,
                            ),
                            ("reservation_id__isnull", False),
                            _connector="OR",
                        ),
                        name="application_reserved_when_accepted",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("status__in", ["received", "offered", "accepting", "rejected"]),
                                _negated=True,
                            ),
                            ("reservation_id__isnull", True),
                            _connector="OR",
                        ),
                        name="application_not_reserved_before",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApplicationStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sequence", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("kind", models.CharField(max_length=16)),
                ("decided_by", models.CharField(max_length=100)),
                ("from_status", models.CharField(blank=True, max_length=16)),
                (
                    "to_status",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("offered", "Offered"),
                            ("accepting", "Accepting"),
                            ("accepted", "Accepted"),
                            ("withdrawing", "Withdrawing"),
                            ("completing", "Completing"),
                            ("built", "Built"),
                            ("withdrawn", "Withdrawn"),
                            ("rejected", "Rejected"),
                        ],
                        max_length=16,
                    ),
                ),
                ("details", models.JSONField(default=dict)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="api.connectionapplication",
                    ),
                ),
            ],
            options={
                "db_table": "application_step",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("application", "sequence"), name="application_step_sequence_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("decided_by", ""), _negated=True),
                        name="application_step_decided_by",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SchemeAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sequence", models.PositiveIntegerField()),
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=100)),
                ("question", models.JSONField()),
                ("answer", models.JSONField()),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="scheme_answers",
                        to="api.connectionapplication",
                    ),
                ),
            ],
            options={
                "db_table": "application_scheme_answer",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("application", "sequence"), name="scheme_answer_sequence_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sequence__gte", 1)), name="scheme_answer_sequence"
                    ),
                ],
            },
        ),
    ]
