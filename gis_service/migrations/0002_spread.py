"""Spread the tables by county, then tie them to `county`, and guard the switch log.

The order matters on a cluster: the reference table first, then the distributed ones beside each other, then
the foreign keys. On plain PostGIS only the keys and the guard remain.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

from sharding.distribute import (
    create_distributed_table,
    create_reference_table,
    is_citus,
    one_node_at_a_time,
    undistribute_table,
)

ELEMENTS = (
    "connectivity_node",
    "substation",
    "energy_source",
    "line_section",
    "switch",
    "power_transformer",
    "transformer_district",
    "customer_point",
    "corridor",
)
RECORDS = ("county_version", "switch_operation", "interruption")


def spread(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        one_node_at_a_time(cursor)
        create_reference_table(cursor, "county")
        first, *others = (*ELEMENTS, *RECORDS)
        create_distributed_table(cursor, first, "county_code")
        for table in others:
            create_distributed_table(cursor, table, "county_code", colocate_with=first)


def gather(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        one_node_at_a_time(cursor)
        for table in (*reversed(RECORDS), *reversed(ELEMENTS), "county"):
            undistribute_table(cursor, table)


def guard_log(apps: Any, schema_editor: Any) -> None:
    """Refuse changes of the log; a cluster has no triggers, there the store has no way to change it."""
    with schema_editor.connection.cursor() as cursor:
        if is_citus(cursor):
            return
        cursor.execute(
            """
            CREATE FUNCTION switch_operation_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'switch_operation is append-only: record a new operation instead';
            END $$
            """
        )
        cursor.execute(
            """
            CREATE TRIGGER switch_operation_append_only BEFORE UPDATE OR DELETE ON switch_operation
            FOR EACH ROW EXECUTE FUNCTION switch_operation_is_append_only()
            """
        )


def unguard_log(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        if not is_citus(cursor):
            cursor.execute("DROP TRIGGER switch_operation_append_only ON switch_operation")
            cursor.execute("DROP FUNCTION switch_operation_is_append_only()")


class Migration(migrations.Migration):
    dependencies = [("gis_service", "0001_grid")]

    operations = [
        migrations.RunPython(spread, gather, elidable=False),
        migrations.RunSQL(
            sql=[
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_county "
                "FOREIGN KEY (county_code) REFERENCES county (code)"
                for table in ELEMENTS
            ],
            reverse_sql=[f"ALTER TABLE {table} DROP CONSTRAINT {table}_county" for table in ELEMENTS],
        ),
        migrations.RunSQL(
            sql=["REVOKE UPDATE, DELETE, TRUNCATE ON switch_operation FROM PUBLIC"],
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.RunPython(guard_log, unguard_log, elidable=False),
    ]
