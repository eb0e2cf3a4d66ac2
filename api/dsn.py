"""The address of the database: a libpq URI becomes Django's dictionary.

Knows where the address may stand and how to say that it is missing; opens no connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg2
from django.core.exceptions import ImproperlyConfigured
from psycopg2.extensions import parse_dsn

VARIABLE = "GRIDGIS_API_DSN"
PASSWORD_FILE_VARIABLE = "GRIDGIS_API_PASSWORD_FILE"
FILE = "api.dsn"
_PLACES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
_LIMITS = "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"


def database_from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Django's settings of the one database.

    Parameters
    ----------
    environment
        Where `GRIDGIS_API_DSN`, `GRIDGIS_API_PASSWORD_FILE` and `GRIDGIS_HOME` are looked up.

    Raises
    ------
    ImproperlyConfigured
        When there is no address, or it is not a libpq address, or the file of its password cannot be read.
    """
    dsn, origin = _find(environment)
    try:
        parts = parse_dsn(dsn)
    except psycopg2.ProgrammingError as error:
        raise ImproperlyConfigured(
            f"{origin} does not hold a PostgreSQL address: write postgresql://user@host:port/database"
        ) from error
    if not parts.get("dbname"):
        raise ImproperlyConfigured(f"{origin} names no database: write postgresql://user@host:port/database")
    if password_file := environment.get(PASSWORD_FILE_VARIABLE, "").strip():
        parts["password"] = _password_in(Path(password_file))
    database: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
    options: dict[str, Any] = {"connect_timeout": 3}
    for name, value in parts.items():
        if name in _PLACES:
            database[_PLACES[name]] = value
        else:
            options[name] = value
    options["options"] = f"{_LIMITS} {options.get('options', '')}".strip()
    return database | {"OPTIONS": options}


def _password_in(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"{PASSWORD_FILE_VARIABLE} names {file}, which cannot be read: {error}"
        ) from error


def _find(environment: Mapping[str, str]) -> tuple[str, str]:
    dsn = environment.get(VARIABLE, "").strip()
    if dsn:
        return dsn, VARIABLE
    path = Path(environment.get("GRIDGIS_HOME") or ".gridgis") / FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ImproperlyConfigured(
            f"the business API has no database: run 'make demo', or set {VARIABLE} to a postgresql:// address"
            f" (neither the variable nor the file {path} is there)"
        ) from None
    if not lines or not lines[0].strip():
        raise ImproperlyConfigured(f"the file {path} is empty: run 'make demo', or set {VARIABLE}")
    return lines[0].strip(), str(path)
