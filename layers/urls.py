"""Addresses of the layers, for whoever includes them under a prefix such as `ogc/`."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from layers.service import MapService
from layers.views import FeatureViews


def feature_urls(service: MapService) -> list[URLPattern]:
    """URL patterns over one service; see `FeatureViews`."""
    views = FeatureViews(service)
    return [
        path("collections", require_safe(views.collections)),
        path("collections/<str:collection>", require_safe(views.collection)),
        path("collections/<str:collection>/items", require_safe(views.items)),
        path("collections/<str:collection>/items/<path:id>", require_safe(views.item)),
    ]
