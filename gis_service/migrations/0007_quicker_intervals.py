"""Overlapping intervals are refused by an index that finds its place by a number.

By the texts of county and customer, an operation that puts thousands of customers out spent nearly all of its
time in that index, and the more the longer the record was.
"""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import migrations, models

NAME = "interruption_no_overlap"


class Migration(migrations.Migration):
    dependencies = [
        ("gis_service", "0006_reservations"),
    ]

    operations = [
        migrations.RemoveConstraint("Interruption", NAME),
        migrations.AddConstraint(
            "Interruption",
            ExclusionConstraint(
                name=NAME,
                expressions=[
                    (
                        models.Func(
                            models.F("customer_id"),
                            models.Value(0),
                            function="hashtextextended",
                            output_field=models.BigIntegerField(),
                        ),
                        "=",
                    ),
                    ("during", "&&"),
                    ("customer_id", "="),
                    ("county_code", "="),
                ],
            ),
        ),
    ]
