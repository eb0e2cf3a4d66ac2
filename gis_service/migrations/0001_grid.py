"""The tables of the grid, on one node; migration 0002 spreads them."""

from __future__ import annotations

import django.contrib.gis.db.models.fields
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name="CountyVersion",
            fields=[
                ("county_code", models.TextField(db_collation="C", primary_key=True, serialize=False)),
                ("version", models.BigIntegerField()),
                ("topology_version", models.BigIntegerField()),
                ("last_operation", models.BigIntegerField()),
                ("last_interruption", models.BigIntegerField()),
                ("loaded_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "county_version",
            },
        ),
        migrations.CreateModel(
            name="County",
            fields=[
                ("code", models.TextField(db_collation="C", primary_key=True, serialize=False)),
                ("name", models.TextField()),
                ("geom", django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
            ],
            options={
                "db_table": "county",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code__regex", "^.{2,12}$")), name="county_code"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Interruption",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.BigIntegerField()),
                ("customer_id", models.TextField(db_collation="C")),
                ("during", django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                ("cause_county", models.TextField(db_collation="C", null=True)),
                ("cause_id", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "interruption",
                "indexes": [
                    django.contrib.postgres.indexes.GistIndex(fields=["during"], name="interruption_during"),
                    models.Index(
                        condition=models.Q(("during__upper_inf", True)),
                        fields=["county_code", "customer_id"],
                        name="interruption_lasting",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("during__isempty", False),
                            ("during__lower_inf", False),
                            ("during__lower_inc", True),
                            ("during__upper_inc", False),
                        ),
                        name="interruption_half_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cause_county__isnull", True), ("cause_id__isnull", True)),
                            models.Q(("cause_county__isnull", False), ("cause_id__isnull", False)),
                            _connector="OR",
                        ),
                        name="interruption_cause",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[("county_code", "="), ("customer_id", "="), ("during", "&&")],
                        name="interruption_no_overlap",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SwitchOperation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.BigIntegerField()),
                ("epoch", models.BigIntegerField()),
                ("switch_id", models.TextField(db_collation="C")),
                ("open", models.BooleanField()),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("reason", models.TextField()),
                ("operator", models.TextField()),
                ("idempotency_key", models.TextField(db_collation="C", null=True)),
            ],
            options={
                "db_table": "switch_operation",
                "indexes": [
                    models.Index(
                        models.F("county_code"),
                        models.F("switch_id"),
                        models.OrderBy(models.F("at"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="switch_operation_latest",
                    ),
                    models.Index(fields=["county_code", "at"], name="switch_operation_at"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("switch_id", ""), _negated=True),
                        name="switch_operation_switch_id",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("idempotency_key", ""), _negated=True),
                        name="switch_operation_key",
                    ),
                    models.UniqueConstraint(
                        fields=("county_code", "idempotency_key"), name="switch_operation_key_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Corridor",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("from_vertex", models.TextField(db_collation="C")),
                ("to_vertex", models.TextField(db_collation="C")),
                ("kind", models.TextField()),
                ("cost_per_m", models.FloatField(null=True)),
                ("ducts_free", models.BigIntegerField(null=True)),
                ("geom", django.contrib.gis.db.models.fields.LineStringField(srid=4326)),
                (
                    "county",
                    models.ForeignObject(
                        from_fields=["county_code"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="gis_service.county",
                        to_fields=["code"],
                    ),
                ),
            ],
            options={
                "db_table": "corridor",
                "abstract": False,
                "indexes": [models.Index(fields=["id"], name="corridor_by_id")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", ""), _negated=True), name="corridor_id"),
                    models.CheckConstraint(
                        condition=models.Q(("county_code__regex", "^.{2,12}$")), name="corridor_county_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_vertex", ""), _negated=True), name="corridor_from_vertex"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("to_vertex", ""), _negated=True), name="corridor_to_vertex"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cost_per_m__lt", float("inf")), ("cost_per_m__gte", 0.0)),
                        name="corridor_cost_per_m",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ducts_free__gte", 0)), name="corridor_ducts_free"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ConnectivityNode",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("base_voltage_kv", models.FloatField()),
                ("substation_id", models.TextField(db_collation="C", null=True)),
                ("geom", django.contrib.gis.db.models.fields.PointField(srid=4326)),
                (
                    "county",
                    models.ForeignObject(
                        from_fields=["county_code"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="gis_service.county",
                        to_fields=["code"],
                    ),
                ),
            ],
            options={
                "db_table": "connectivity_node",
                "abstract": False,
                "indexes": [models.Index(fields=["id"], name="connectivitynode_by_id")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", ""), _negated=True), name="connectivity_node_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("county_code__regex", "^.{2,12}$")),
                        name="connectivity_node_county_code",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("base_voltage_kv__lt", float("inf")), ("base_voltage_kv__gte", 0.0)
                        ),
                        name="connectivity_node_base_voltage_kv",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("substation_id", ""), _negated=True),
                        name="connectivity_node_substation_id",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomerPoint",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("node_id", models.TextField(db_collation="C")),
                ("district_id", models.TextField(db_collation="C", null=True)),
                ("phases", models.TextField(null=True)),
                ("customer_class", models.TextField()),
                ("critical_grade", models.TextField(null=True)),
                ("contracted_kva", models.FloatField()),
                ("geom", django.contrib.gis.db.models.fields.PointField(srid=4326)),
                (
                    "county",
                    models.ForeignObject(
                        from_fields=["county_code"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="gis_service.county",
                        to_fields=["code"],
                    ),
                ),
            ],
            options={
                "db_table": "customer_point",
                "abstract": False,
                "indexes": [models.Index(fields=["id"], name="customerpoint_by_id")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", ""), _negated=True), name="customer_point_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("county_code__regex", "^.{2,12}$")),
                        name="customer_point_county_code",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("node_id", ""), _negated=True), name="customer_point_node_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("district_id", ""), _negated=True),
                        name="customer_point_district_id",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phases__regex", "^[ABCN]*[ABC][ABCN]*$"),
                            models.Q(("phases__regex", "(.).*\\1"), _negated=True),
                        ),
                        name="customer_point_phases",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "customer_class__in",
                                ["residential", "commercial", "industrial", "agricultural", "public"],
                            )
                        ),
                        name="customer_point_customer_class",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("critical_grade__in", ["special", "first", "second", "temporary"])
                        ),
                        name="customer_point_critical_grade",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("contracted_kva__lt", float("inf")), ("contracted_kva__gte", 0.0)
                        ),
                        name="customer_point_contracted_kva",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="EnergySource",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("name", models.TextField()),
                ("node_id", models.TextField(db_collation="C")),
                ("phases", models.TextField(null=True)),
                ("voltage_pu", models.FloatField(null=True)),
                ("geom", django.contrib.gis.db.models.fields.PointField(srid=4326)),
                (
                    "county",
                    models.ForeignObject(
                        from_fields=["county_code"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="gis_service.county",
                        to_fields=["code"],
                    ),
                ),
            ],
            options={
                "db_table": "energy_source",
                "abstract": False,
                "indexes": [models.Index(fields=["id"], name="energysource_by_id")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", ""), _negated=True), name="energy_source_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("county_code__regex", "^.{2,12}$")),
                        name="energy_source_county_code",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("node_id", ""), _negated=True), name="energy_source_node_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phases__regex", "^[ABCN]*[ABC][ABCN]*$"),
                            models.Q(("phases__regex", "(.).*\\1"), _negated=True),
                        ),
                        name="energy_source_phases",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("voltage_pu__lt", float("inf")), ("voltage_pu__gte", 0.0)),
                        name="energy_source_voltage_pu",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LineSection",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("name", models.TextField(null=True)),
                ("from_node", models.TextField(db_collation="C")),
                ("to_node", models.TextField(db_collation="C")),
                ("phases", models.TextField(null=True)),
                ("base_voltage_kv", models.FloatField()),
                ("construction", models.TextField()),
                ("length_m", models.FloatField()),
                ("r_ohm", models.FloatField(null=True)),
                ("x_ohm", models.FloatField(null=True)),
                ("rated_current_a", models.FloatField(null=True)),
                ("geom", django.contrib.gis.db.models.fields.LineStringField(srid=4326)),
                (
                    "county",
                    models.ForeignObject(
                        from_fields=["county_code"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="gis_service.county",
                        to_fields=["code"],
                    ),
                ),
            ],
            options={
                "db_table": "line_section",
                "abstract": False,
                "indexes": [models.Index(fields=["id"], name="linesection_by_id")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", ""), _negated=True), name="line_section_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("county_code__regex", "^.{2,12}$")),
                        name="line_section_county_code",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_node", ""), _negated=True), name="line_section_from_node"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("to_node", ""), _negated=True), name="line_section_to_node"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phases__regex", "^[ABCN]*[ABC][ABCN]*$"),
                            models.Q(("phases__regex", "(.).*\\1"), _negated=True),
                        ),
                        name="line_section_phases",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("base_voltage_kv__lt", float("inf")), ("base_voltage_kv__gte", 0.0)
                        ),
                        name="line_section_base_voltage_kv",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("construction__in", ["overhead", "underground", "busbar", "service"])
                        ),
                        name="line_section_construction",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("length_m__lt", float("inf")), ("length_m__gte", 0.0)),
                        name="line_section_length_m",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("r_ohm__lt", float("inf")), ("r_ohm__gte", 0.0)),
                        name="line_section_r_ohm",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("x_ohm__lt", float("inf")), ("x_ohm__gt", float("-inf"))),
                        name="line_section_x_ohm",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rated_current_a__lt", float("inf")), ("rated_current_a__gte", 0.0)
                        ),
                        name="line_section_rated_current_a",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PowerTransformer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("name", models.TextField(null=True)),
                ("from_node", models.TextField(db_collation="C")),
                ("to_node", models.TextField(db_collation="C")),
                ("phases", models.TextField(null=True)),
                ("rated_kva", models.FloatField()),
                ("uk_percent", models.FloatField(null=True)),
                ("pk_kw", models.FloatField(null=True)),
                ("geom", django.contrib.gis.db.models.fields.PointField(srid=4326)),
                (
                    "county",
                    models.ForeignObject(
                        from_fields=["county_code"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="gis_service.county",
                        to_fields=["code"],
                    ),
                ),
            ],
            options={
                "db_table": "power_transformer",
                "abstract": False,
                "indexes": [models.Index(fields=["id"], name="powertransformer_by_id")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", ""), _negated=True), name="power_transformer_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("county_code__regex", "^.{2,12}$")),
                        name="power_transformer_county_code",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_node", ""), _negated=True),
                        name="power_transformer_from_node",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("to_node", ""), _negated=True), name="power_transformer_to_node"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phases__regex", "^[ABCN]*[ABC][ABCN]*$"),
                            models.Q(("phases__regex", "(.).*\\1"), _negated=True),
                        ),
                        name="power_transformer_phases",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rated_kva__lt", float("inf")), ("rated_kva__gte", 0.0)),
                        name="power_transformer_rated_kva",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("uk_percent__lt", float("inf")), ("uk_percent__gte", 0.0)),
                        name="power_transformer_uk_percent",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("pk_kw__lt", float("inf")), ("pk_kw__gte", 0.0)),
                        name="power_transformer_pk_kw",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Substation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("name", models.TextField()),
                ("base_voltage_kv", models.FloatField()),
                ("geom", django.contrib.gis.db.models.fields.PointField(srid=4326)),
                (
                    "county",
                    models.ForeignObject(
                        from_fields=["county_code"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="gis_service.county",
                        to_fields=["code"],
                    ),
                ),
            ],
            options={
                "db_table": "substation",
                "abstract": False,
                "indexes": [models.Index(fields=["id"], name="substation_by_id")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", ""), _negated=True), name="substation_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("county_code__regex", "^.{2,12}$")), name="substation_county_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("base_voltage_kv__lt", float("inf")), ("base_voltage_kv__gte", 0.0)
                        ),
                        name="substation_base_voltage_kv",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Switch",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("name", models.TextField(null=True)),
                ("kind", models.TextField()),
                ("from_node", models.TextField(db_collation="C")),
                ("to_node", models.TextField(db_collation="C")),
                ("phases", models.TextField(null=True)),
                ("normal_open", models.BooleanField()),
                ("open", models.BooleanField()),
                ("open_at_load", models.BooleanField()),
                ("rated_current_a", models.FloatField(null=True)),
                ("remote_controlled", models.BooleanField(null=True)),
                ("feeder_id", models.TextField(db_collation="C", null=True)),
                ("geom", django.contrib.gis.db.models.fields.PointField(srid=4326)),
                (
                    "county",
                    models.ForeignObject(
                        from_fields=["county_code"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="gis_service.county",
                        to_fields=["code"],
                    ),
                ),
            ],
            options={
                "db_table": "switch",
                "abstract": False,
                "indexes": [models.Index(fields=["id"], name="switch_by_id")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", ""), _negated=True), name="switch_id"),
                    models.CheckConstraint(
                        condition=models.Q(("county_code__regex", "^.{2,12}$")), name="switch_county_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "breaker",
                                    "recloser",
                                    "load_break_switch",
                                    "disconnector",
                                    "fuse",
                                    "jumper",
                                ],
                            )
                        ),
                        name="switch_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_node", ""), _negated=True), name="switch_from_node"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("to_node", ""), _negated=True), name="switch_to_node"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phases__regex", "^[ABCN]*[ABC][ABCN]*$"),
                            models.Q(("phases__regex", "(.).*\\1"), _negated=True),
                        ),
                        name="switch_phases",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rated_current_a__lt", float("inf")), ("rated_current_a__gte", 0.0)
                        ),
                        name="switch_rated_current_a",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("feeder_id", ""), _negated=True), name="switch_feeder_id"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TransformerDistrict",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "county_code", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("county_code", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("name", models.TextField()),
                ("transformer_id", models.TextField(db_collation="C")),
                ("geom", django.contrib.gis.db.models.fields.PolygonField(null=True, srid=4326)),
                (
                    "county",
                    models.ForeignObject(
                        from_fields=["county_code"],
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="gis_service.county",
                        to_fields=["code"],
                    ),
                ),
            ],
            options={
                "db_table": "transformer_district",
                "abstract": False,
                "indexes": [models.Index(fields=["id"], name="transformerdistrict_by_id")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", ""), _negated=True), name="transformer_district_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("county_code__regex", "^.{2,12}$")),
                        name="transformer_district_county_code",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("transformer_id", ""), _negated=True),
                        name="transformer_district_transformer_id",
                    ),
                ],
            },
        ),
    ]
