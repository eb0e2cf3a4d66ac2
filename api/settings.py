"""Django settings of the business API: one database, no sessions, no outside requests.

Everything that differs between machines comes from the environment (names in the table below) or, for the
database, from the file that the private cluster writes. Nothing is guessed: a missing database address is one
clear sentence. Deliberately without GeoDjango: points are two numbers here, geometry is the engine's
business.

=============================  ===================================================================
``GRIDGIS_API_DSN``            libpq URI of the database; else the first line of ``$GRIDGIS_HOME/api.dsn``
``GRIDGIS_HOME``               default ``./.gridgis``
``GRIDGIS_ENGINE_URL``         where this process finds the engine, default ``http://127.0.0.1:8001``
``GRIDGIS_ENGINE_PUBLIC_URL``  where browsers find it, default the same
``GRIDGIS_ENGINE_TIMEOUT``     seconds a question to the engine may take in all, default 30
``GRIDGIS_API_HOSTS``          comma-separated host names answered to, default this machine's own
=============================  ===================================================================
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from api.dsn import database_from_environment
from api.engine_address import clean_address, clean_seconds
from api.map_page import MAP_BUNDLE, add_map_headers, is_immutable

BASE_DIR = Path(__file__).resolve().parent

ENGINE_URL = clean_address(
    "GRIDGIS_ENGINE_URL", os.environ.get("GRIDGIS_ENGINE_URL") or "http://127.0.0.1:8001"
)
ENGINE_PUBLIC_URL = clean_address(
    "GRIDGIS_ENGINE_PUBLIC_URL", os.environ.get("GRIDGIS_ENGINE_PUBLIC_URL") or ENGINE_URL
)
ENGINE_CONNECT_SECONDS = 2.0
ENGINE_ANSWER_SECONDS = clean_seconds(
    "GRIDGIS_ENGINE_TIMEOUT", os.environ.get("GRIDGIS_ENGINE_TIMEOUT") or "30"
)

DATABASES = {"default": database_from_environment(os.environ)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Nothing is signed (no sessions, no cookies), so a key that dies with the process gives nothing away.
SECRET_KEY = secrets.token_urlsafe(48)
DEBUG = False
ALLOWED_HOSTS = [
    host.strip()
    for host in (os.environ.get("GRIDGIS_API_HOSTS") or "localhost,127.0.0.1,[::1]").split(",")
    if host.strip()
]

INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "ninja",  # its documentation page then uses the files it ships, not a CDN
    "api.apps.BusinessApiConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "api.middleware.ProblemDocuments",
    "api.middleware.JsonBodiesOnly",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "api.urls"
WSGI_APPLICATION = "api.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {}}]

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # the largest honest body is a list of a thousand ids
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

STATIC_URL = "/static/"
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_ROOT = str(MAP_BUNDLE) if MAP_BUNDLE.is_dir() else None
WHITENOISE_INDEX_FILE = True
WHITENOISE_MAX_AGE = 60
WHITENOISE_IMMUTABLE_FILE_TEST = is_immutable
WHITENOISE_ADD_HEADERS_FUNCTION = add_map_headers(ENGINE_PUBLIC_URL)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "api": {"level": "INFO"},
        "django.request": {"level": "CRITICAL"},  # api.problems logs each failure once
        "httpx": {"level": "WARNING"},
    },
}
