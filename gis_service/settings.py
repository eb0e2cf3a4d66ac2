"""Django settings of the engine: one PostGIS database, no sessions, no users, no admin.

Everything comes from the environment (`docs/operations.md` lists the names). A missing database is not an
error here, so that tools which only import the settings work; `gis_service.home.engine_dsn` is what refuses.
"""

from __future__ import annotations

import logging
import os
import secrets
from typing import Any

from psycopg2.extensions import parse_dsn

from gis_service.home import find_engine_dsn


def _listed(variable: str, default: str) -> list[str]:
    return [part.strip() for part in os.environ.get(variable, default).split(",") if part.strip()]


def _is_fault(record: logging.LogRecord) -> bool:
    return getattr(record, "status_code", 500) == 500


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
    "gis_service.web.middleware.EngineMiddleware",
]
# Questions carry no credentials and change nothing, so any page may ask them. Recording switch operations is
# for origins that are named, or for programs: a browser's page from elsewhere gets no permission.
CORS_ALLOWED_ORIGINS = [origin for origin in _listed("GRIDGIS_ENGINE_CORS_ORIGINS", "*") if origin != "*"]
CORS_ALLOW_ALL_ORIGINS = not CORS_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/(?!v1/switch-operations)" if CORS_ALLOW_ALL_ORIGINS else r"^/"
CORS_EXPOSE_HEADERS = ["Grid-Version", "As-Of", "Partial", "Retry-After", "Tile-Thinned"]
DATA_UPLOAD_MAX_MEMORY_SIZE = int(os.environ.get("GRIDGIS_ENGINE_MAX_BODY_BYTES", str(16 * 2**20)))
ROOT_URLCONF = "gis_service.urls"
WSGI_APPLICATION = "gis_service.wsgi.application"
APPEND_SLASH = False

DATABASES = {"default": _database(find_engine_dsn())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    # what a client did wrong, or that the grid is not ready yet, is in the answer and not in the log
    "filters": {"faults": {"()": "django.utils.log.CallbackFilter", "callback": _is_fault}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "gis_service": {"handlers": ["stderr"], "level": os.environ.get("GRIDGIS_LOG_LEVEL", "INFO").upper()},
        "serving": {"handlers": ["stderr"], "level": "INFO"},
        "uvicorn.error": {"handlers": ["stderr"], "level": "ERROR"},
        "django.request": {"handlers": ["stderr"], "propagate": False, "filters": ["faults"]},
    },
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
