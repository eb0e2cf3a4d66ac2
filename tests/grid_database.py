"""A real PostGIS test database with the engine's tables, empty before every test that asks for it.

The store has connections of its own, so the rows are really committed, and taken out by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from gis_service import store


@dataclass(frozen=True)
class GridDatabase:
    """Where the test database is, as a libpq connection string that other processes can be given."""

    dsn: str

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query, asked past the store."""
        with psycopg2.connect(self.dsn) as held, held.cursor() as cursor:
            cursor.execute(sql, values)
            rows = cursor.fetchall() if cursor.description else []
        held.close()
        return rows


@pytest.fixture(scope="session")
def migrated_database(django_test_environment: None, django_db_blocker: Any) -> Iterator[GridDatabase]:
    """Made here and not by pytest-django, which makes databases only for tests that carry its own mark."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default": True})
        held = connection.get_connection_params()
        assert held["dbname"].startswith("test_"), "never empty a database that is not for tests"
        names = ("dbname", "user", "password", "host", "port")
        dsn = psycopg2.extensions.make_dsn(**{name: held[name] for name in names if name in held})
        try:
            yield GridDatabase(dsn)
        finally:
            store.close_pools()
            teardown_databases(made, verbosity=0)


@pytest.fixture
def grid_database(migrated_database: GridDatabase, django_db_blocker: Any) -> Iterator[GridDatabase]:
    with django_db_blocker.unblock():
        _empty(migrated_database)
        yield migrated_database


def _empty(database: GridDatabase) -> None:
    """DELETE, which is quick on few rows; the log alone refuses that."""
    tables = [model._meta.db_table for model in apps.get_app_config("gis_service").get_models()]
    others = [table for table in tables if table not in ("county", "switch_operation")]
    database.query(
        "TRUNCATE switch_operation; " + "; ".join(f"DELETE FROM {table}" for table in [*others, "county"])
    )
