"""Django settings of the engine: one PostGIS database, no sessions, no users, no admin.

Everything comes from the environment (`docs/operations.md` lists the names). A missing database is not an
error here, so that tools which only import the settings work; `gis_service.home.engine_dsn` is what refuses.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

from psycopg2.extensions import parse_dsn

from gis_service.home import find_engine_dsn


def _listed(variable: str, default: str) -> list[str]:
    return [part.strip() for part in os.environ.get(variable, default).split(",") if part.strip()]


def _database(dsn: str | None) -> dict[str, Any]:
    """The `default` database of a libpq URI; what Django has no name for goes to libpq as it stands."""
    parts: dict[str, Any] = dict(parse_dsn(dsn)) if dsn else {}
    return {
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 10, "application_name": "gridgis-engine", **parts},
    }


DEBUG = False
# Nothing is signed across processes (no sessions, no cookies), so a key per process will do.
SECRET_KEY = os.environ.get("GRIDGIS_ENGINE_SECRET_KEY") or secrets.token_urlsafe(50)
ALLOWED_HOSTS = _listed("GRIDGIS_ENGINE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")

INSTALLED_APPS = [
    "corsheaders",
    "django.contrib.gis",
    "django.contrib.postgres",
    "gis_service",
]
MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
]
CORS_ALLOWED_ORIGINS = _listed("GRIDGIS_ENGINE_CORS_ORIGINS", "http://localhost:8000,http://127.0.0.1:8000")
ROOT_URLCONF = "gis_service.urls"
WSGI_APPLICATION = "gis_service.wsgi.application"
APPEND_SLASH = False

DATABASES = {"default": _database(find_engine_dsn())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
