"""Addresses of the WMTS, for whoever includes them."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from layers.wmts.capabilities import VERSION
from layers.wmts.views import WmtsViews


def wmts_urls(views: WmtsViews) -> list[URLPattern]:
    """The one that takes parameters, and those of documents and tiles."""
    tile = "<str:layer>/<str:style>/<str:grid>/<str:z>/<str:y>/<str:x>.png"
    info = "<str:layer>/<str:style>/<str:grid>/<str:z>/<str:y>/<str:x>/<str:j>/<str:i>.<str:ending>"
    return [
        path(views.path, require_safe(views.kvp)),
        path(f"{views.path}/{VERSION}/WMTSCapabilities.xml", require_safe(views.document)),
        path(f"{views.path}/{VERSION}/{tile}", require_safe(views.tile)),
        path(f"{views.path}/{VERSION}/{info}", require_safe(views.info)),
    ]
