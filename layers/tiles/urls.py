"""Addresses of tiles, for whoever includes them: those of OGC under its prefix, and the short ones."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_safe

from layers.tiles.listening import EventViews
from layers.tiles.views import TileViews

_TILE = "<str:grid>/<str:z>/<str:y>/<str:x>"


def ogc_tile_urls(views: TileViews) -> list[URLPattern]:
    """Those of OGC API – Tiles: to be included where the collections are."""
    of_one = "collections/<str:collection>/tiles"
    return [
        path("tileMatrixSets", require_safe(views.matrix_sets)),
        path("tileMatrixSets/<str:grid>", require_safe(views.matrix_set)),
        path("tiles", require_safe(views.tilesets)),
        path("tiles/<str:grid>", require_safe(views.tileset)),
        path(f"tiles/{_TILE}", require_safe(views.tile)),
        path(of_one, require_safe(views.tilesets)),
        path(f"{of_one}/<str:grid>", require_safe(views.tileset)),
        path(f"{of_one}/{_TILE}", require_safe(views.tile)),
    ]


def tile_urls(views: TileViews, listening: EventViews) -> list[URLPattern]:
    """`{layers}.json`, `{layers}/{z}/{x}/{y}.mvt`, and `events`."""
    return [
        path("events", require_GET(listening.events)),
        path("<str:layers>.json", require_safe(views.layers_tilejson)),
        path("<str:layers>/<str:z>/<str:x>/<str:y>.mvt", require_safe(views.layers_tile)),
    ]
