"""Keep what every county stands at in one place, on the coordinator of a cluster.

Never distributed: it has to answer when a node does not (ADR 0016).
"""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gis_service", "0004_lighter_loads")]

    operations = [
        migrations.CreateModel(
            name="CountyRegister",
            fields=[
                (
                    "county_code",
                    models.TextField(db_collation="C", primary_key=True, serialize=False),
                ),
                ("version", models.BigIntegerField()),
                ("topology_version", models.BigIntegerField()),
                ("last_operation", models.BigIntegerField()),
                ("loaded_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
                ("operated_until", models.DateTimeField(null=True)),
                ("recent", models.JSONField(default=list)),
            ],
            options={"db_table": "county_register"},
        ),
        migrations.RunSQL(
            sql=[
                """
                INSERT INTO county_register
                    (county_code, version, topology_version, last_operation, loaded_at, changed_at,
                     operated_until, recent)
                SELECT v.county_code, v.version, v.topology_version, v.last_operation, v.loaded_at,
                    v.changed_at, max(o.at), '[]'
                FROM county_version v
                LEFT JOIN switch_operation o
                    ON o.county_code = v.county_code AND o.epoch = v.topology_version
                GROUP BY v.county_code, v.version, v.topology_version, v.last_operation, v.loaded_at,
                    v.changed_at
                """
            ],
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
