"""Every address the engine answers at."""

from __future__ import annotations

from django.urls import include, path

from gis_service.web import history, reservations, views
from gis_service.web.api import api
from gis_service.web.documentation import documentation
from gis_service.web.health import healthz, metrics, readyz
from gis_service.web.map_service import map_changes, map_service
from layers.features.urls import feature_urls
from layers.tiles.extension import TILES
from layers.tiles.listening import EventViews
from layers.tiles.urls import ogc_tile_urls, tile_urls
from layers.tiles.views import TileViews
from layers.wms.urls import wms_urls
from layers.wmts.urls import wmts_urls
from layers.wmts.views import WmtsViews

# importing them puts their routes on the api
_ROUTES = (views, history, reservations)

handler400 = "gis_service.web.middleware.bad_request"
handler404 = "gis_service.web.middleware.no_such_address"
handler500 = "gis_service.web.middleware.server_error"

_TILES = TileViews(map_service())

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("v1/docs", documentation),
    path("v1/", api.urls),
    *feature_urls(map_service(), extensions=[TILES]),
    path("ogc/", include(ogc_tile_urls(_TILES))),
    path("tiles/", include(tile_urls(_TILES, EventViews(map_service(), map_changes().feed)))),
    *wms_urls(map_service()),
    *wmts_urls(WmtsViews(map_service(), _TILES.kept)),
]
