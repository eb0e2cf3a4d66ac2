"""Let a row in at the price of what it needs, and keep a journal of loads.

Gone are the foreign keys to `county`, the indexes by id alone and the spatial indexes of what no map shows
(ADR 0009 says what each cost and who sees to it now); two checks are said in a cheaper way.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import django.contrib.gis.db.models.fields
from django.db import migrations, models
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual

from sharding.distribute import one_node_at_a_time

ELEMENTS = {
    "connectivity_node": "connectivitynode",
    "substation": "substation",
    "energy_source": "energysource",
    "line_section": "linesection",
    "switch": "switch",
    "power_transformer": "powertransformer",
    "transformer_district": "transformerdistrict",
    "customer_point": "customerpoint",
    "corridor": "corridor",
}
WITH_PHASES = ("energy_source", "line_section", "switch", "power_transformer", "customer_point")
NOT_ON_A_MAP = ("connectivity_node", "energy_source")
PHASES = sorted(
    {"".join(some) for count in range(1, 5) for some in permutations("ABCN", count)} - {"N"},
    key=lambda text: (text not in ("ABC", "A", "B", "C", "ABCN", "AN", "BN", "CN"), text),
)


def in_turn(apps: Any, schema_editor: Any) -> None:
    """On a cluster, change one node after another: first thing, in either direction."""
    with schema_editor.connection.cursor() as cursor:
        one_node_at_a_time(cursor)


def of_a_length(column: str) -> models.Q:
    length = Length(column)
    return models.Q(GreaterThanOrEqual(length, 2)) & models.Q(LessThanOrEqual(length, 12))


def checked(model: str, name: str, condition: models.Q) -> list[migrations.operations.base.Operation]:
    """The constraint of that name with another condition."""
    return [
        migrations.RemoveConstraint(model_name=model, name=name),
        migrations.AddConstraint(
            model_name=model, constraint=models.CheckConstraint(condition=condition, name=name)
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("gis_service", "0003_switch_answer")]

    operations = [
        migrations.RunPython(in_turn, migrations.RunPython.noop, elidable=False),
        migrations.RunSQL(
            sql=[f"ALTER TABLE {table} DROP CONSTRAINT {table}_county" for table in ELEMENTS],
            reverse_sql=[
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_county "
                "FOREIGN KEY (county_code) REFERENCES county (code)"
                for table in ELEMENTS
            ],
        ),
        *(migrations.RemoveIndex(model_name=model, name=f"{model}_by_id") for model in ELEMENTS.values()),
        *(
            migrations.AlterField(
                model_name=ELEMENTS[table],
                name="geom",
                field=django.contrib.gis.db.models.fields.PointField(spatial_index=False, srid=4326),
            )
            for table in NOT_ON_A_MAP
        ),
        *checked("county", "county_code", of_a_length("code")),
        *(
            operation
            for table, model in ELEMENTS.items()
            for operation in checked(model, f"{table}_county_code", of_a_length("county_code"))
        ),
        *(
            operation
            for table in WITH_PHASES
            for operation in checked(ELEMENTS[table], f"{table}_phases", models.Q(phases__in=PHASES))
        ),
        migrations.CreateModel(
            name="LoadRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("begun_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("rows", models.BigIntegerField(null=True)),
                ("host", models.TextField()),
                ("process", models.BigIntegerField()),
            ],
            options={
                "db_table": "load_run",
                "indexes": [models.Index(fields=["county_code"], name="load_run_by_county")],
            },
        ),
        migrations.CreateModel(
            name="IndexToBuild",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("definition", models.TextField()),
            ],
            options={"db_table": "index_to_build"},
        ),
        migrations.RunPython(migrations.RunPython.noop, in_turn, elidable=False),
    ]
