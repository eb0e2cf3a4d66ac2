"""Keep the answers of repeatable batches of switch operations."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

from sharding.distribute import create_distributed_table, one_node_at_a_time, undistribute_table


def spread(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        one_node_at_a_time(cursor)
        create_distributed_table(cursor, "switch_answer", "county_code", colocate_with="connectivity_node")


def gather(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        undistribute_table(cursor, "switch_answer")


class Migration(migrations.Migration):
    dependencies = [("gis_service", "0002_spread")]

    operations = [
        migrations.CreateModel(
            name="SwitchAnswer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("request", models.TextField()),
                ("answer", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "switch_answer",
                "indexes": [models.Index(fields=["id"], name="switch_answer_by_key")],
            },
        ),
        migrations.RunPython(spread, gather, elidable=False),
    ]
