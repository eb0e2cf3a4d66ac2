"""The tables: they agree with the package's declaration, refuse what it refuses, and can be undone.

Expected answers come from `ingest.spec` and from PostgreSQL's own catalogue.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO

import psycopg2
import pytest
from django.apps import apps
from django.core.management import call_command
from psycopg2.extensions import make_dsn

from gis_service import store
from gis_service.ingest.spec import LAYERS, Layer
from tests.grid_database import GridDatabase
from tests.packages import sound_package

layers = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)


@layers
def test_a_table_has_the_columns_of_its_layer_and_allows_null_where_the_package_does(
    grid_database: GridDatabase, layer: Layer
) -> None:
    rows = grid_database.query(
        "SELECT column_name, is_nullable = 'YES' FROM information_schema.columns WHERE table_name = %s",
        layer.name,
    )
    expected = {column.name: not column.required for column in layer.columns}
    expected["geom"] = not layer.geometry_required
    if layer.name == "switch":
        expected["open_at_load"] = False
    assert dict(rows) == expected


@layers
def test_the_geometry_is_of_the_declared_kind_in_lon_lat_and_indexed_where_it_is_drawn(
    grid_database: GridDatabase, layer: Layer
) -> None:
    found = grid_database.query(
        "SELECT type, srid, coord_dimension FROM geometry_columns WHERE f_table_name = %s", layer.name
    )
    assert found == [(layer.geometry.upper(), 4326, 2)]
    indexes = grid_database.query("SELECT indexdef FROM pg_indexes WHERE tablename = %s", layer.name)
    indexed = any("USING gist (geom)" in definition for (definition,) in indexes)
    assert indexed == (layer.name not in ("connectivity_node", "energy_source"))  # on no map


def wrong_values() -> Iterator[tuple[str, str, object]]:
    """A value of each kind that the package's declaration excludes, for every column that excludes one."""
    for layer in LAYERS:
        for column in layer.columns:
            if column.name == "county_code":
                yield layer.name, column.name, None
                continue  # what else is wrong with a code, only the table `county` says
            if layer.name == "county" and column.name == "code":
                yield from ((layer.name, column.name, wrong) for wrong in ("", "0", "0" * 13))
            if column.choices is not None:
                yield layer.name, column.name, "no such choice"
            elif column.name == "phases":
                yield from ((layer.name, "phases", wrong) for wrong in ("", "N", "AA", "ABCD", "abc"))
            elif column.refers_to is not None or column.name == layer.key:
                yield layer.name, column.name, ""
            elif column.type == "float":
                yield from ((layer.name, column.name, wrong) for wrong in ("NaN", "Infinity"))
                if column.minimum is not None:
                    yield layer.name, column.name, column.minimum - 1
            elif column.minimum is not None:
                yield layer.name, column.name, column.minimum - 1
            if column.required:
                yield layer.name, column.name, None


def test_the_database_refuses_every_value_that_the_package_declares_wrong(
    grid_database: GridDatabase,
) -> None:
    store.load_package(sound_package())
    cases = list(wrong_values())
    assert len(cases) > 100
    accepted = []
    for table, column, value in cases:
        try:
            grid_database.query(f"UPDATE {table} SET {column} = %s", value)
            accepted.append((table, column, value))
        except psycopg2.IntegrityError:
            pass
    assert accepted == []


def test_the_models_and_the_migrations_agree(grid_database: GridDatabase) -> None:
    said = StringIO()
    call_command("makemigrations", "gis_service", check=True, dry_run=True, skip_checks=True, stdout=said)
    assert "No changes detected" in said.getvalue()


def test_the_migrations_go_back_to_nothing_and_forth_again(grid_database: GridDatabase) -> None:
    name = "test_migrations_of_gridgis"
    admin = psycopg2.connect(grid_database.dsn)
    admin.autocommit = True
    dsn = make_dsn(grid_database.dsn, dbname=name)
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            migrate(dsn)
            once = tables_of(dsn)
            assert {model._meta.db_table for model in apps.get_app_config("gis_service").get_models()} <= once
            migrate(dsn, "zero")
            assert tables_of(dsn) == {"django_migrations", "spatial_ref_sys"}
            assert (
                GridDatabase(dsn).query("SELECT proname FROM pg_proc WHERE proname LIKE 'switch_operation%%'")
                == []
            )
            migrate(dsn)
            assert tables_of(dsn) == once
        finally:
            cursor.execute(f"DROP DATABASE {name}")
    admin.close()


def migrate(dsn: str, *target: str) -> None:
    command = [sys.executable, "-m", "gis_service", "migrate", *target]
    environment = {**os.environ, "GRIDGIS_ENGINE_DSN": dsn}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def tables_of(dsn: str) -> set[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    return {name for (name,) in GridDatabase(dsn).query(query)}
