"""Every address the engine answers at."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.urls import include, path

from gis_service.sources import grid_catalog
from gis_service.web import history, views
from gis_service.web.api import api
from gis_service.web.documentation import documentation
from gis_service.web.health import healthz, metrics, readyz
from gis_service.web.service import engine
from layers.catalog import Catalog
from layers.urls import feature_urls


@lru_cache(maxsize=1)
def _catalog() -> Catalog:
    return grid_catalog(engine())


def _members() -> Mapping[str, Any]:
    return engine().scene().head()


# importing them puts their routes on the api
_ROUTES = (views, history)

handler400 = "gis_service.web.middleware.bad_request"
handler404 = "gis_service.web.middleware.no_such_address"
handler500 = "gis_service.web.middleware.server_error"

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("v1/docs", documentation),
    path("v1/", api.urls),
    path("ogc/", include(feature_urls(_catalog, _members))),
]
