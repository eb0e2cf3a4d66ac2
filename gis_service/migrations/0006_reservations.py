"""The record of reserved capacity.

Never distributed: what is reserved must count while the node of a county it burdens is away (ADR 0025).
"""

from __future__ import annotations

import django.contrib.gis.db.models.fields
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gis_service", "0005_register"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reservation",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("idempotency_key", models.TextField(db_collation="C", unique=True)),
                ("request", models.TextField()),
                ("state", models.TextField()),
                (
                    "counties",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(db_collation="C"), size=None
                    ),
                ),
                (
                    "elements",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(db_collation="C"), size=None
                    ),
                ),
                ("geom", django.contrib.gis.db.models.fields.PointField(srid=4326)),
                ("kva", models.FloatField()),
                ("phases", models.TextField()),
                ("independence", models.TextField(null=True)),
                ("rules", models.JSONField()),
                ("grid_version", models.JSONField()),
                ("schemes", models.JSONField()),
            ],
            options={
                "db_table": "reservation",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["counties"], name="reservation_counties"
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["elements"], name="reservation_elements"
                    ),
                    models.Index(
                        condition=models.Q(("state", "held")), fields=["id"], name="reservation_held"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["held", "built", "withdrawn"])),
                        name="reservation_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kva__gt", 0), ("kva__lt", float("inf"))), name="reservation_kva"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReservationChange",
            fields=[
                ("version", models.BigIntegerField(primary_key=True, serialize=False)),
                ("reservation_id", models.BigIntegerField()),
                ("state", models.TextField()),
                ("at", models.DateTimeField()),
                ("operator", models.TextField()),
                ("reason", models.TextField()),
            ],
            options={
                "db_table": "reservation_change",
                "indexes": [models.Index(fields=["reservation_id"], name="reservation_change_of")],
            },
        ),
        migrations.CreateModel(
            name="ReservationSupply",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "reservation_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("reservation_id", models.BigIntegerField()),
                ("number", models.IntegerField()),
                ("county_code", models.TextField(db_collation="C")),
                ("kind", models.TextField()),
                ("attach_id", models.TextField(db_collation="C")),
                ("node_id", models.TextField(db_collation="C", null=True)),
                ("fraction", models.FloatField(null=True)),
                ("reckoned_kva", models.FloatField()),
            ],
            options={
                "db_table": "reservation_supply",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("fraction__isnull", True), ("node_id__isnull", False)),
                            models.Q(("fraction__gt", 0), ("fraction__lt", 1), ("node_id__isnull", True)),
                            _connector="OR",
                        ),
                        name="reservation_supply_place",
                    )
                ],
            },
        ),
    ]
