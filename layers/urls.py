"""Addresses of the layers, for whoever includes them under a prefix such as `ogc/`."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from layers.views import CatalogOf, FeatureViews, Members


def feature_urls(catalog: CatalogOf, members: Members) -> list[URLPattern]:
    """URL patterns over one catalogue; see `FeatureViews`."""
    views = FeatureViews(catalog, members)
    return [
        path("collections", require_safe(views.collections)),
        path("collections/<str:collection>", require_safe(views.collection)),
        path("collections/<str:collection>/items", require_safe(views.items)),
        path("collections/<str:collection>/items/<path:id>", require_safe(views.item)),
    ]
