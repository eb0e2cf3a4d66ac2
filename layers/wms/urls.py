"""The address of the WMS, for whoever includes it."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from layers.service import MapService
from layers.wms.views import WmsViews


def wms_urls(service: MapService) -> list[URLPattern]:
    """URL patterns of one service."""
    return [path("wms", require_safe(WmsViews(service).wms))]
