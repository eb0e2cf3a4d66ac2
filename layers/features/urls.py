"""Addresses of the features service, below a root such as `ogc`."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from layers.features.extension import Extension
from layers.features.items import FeatureViews
from layers.features.views import DocumentViews
from layers.service import MapService


def feature_urls(
    service: MapService, root: str = "ogc", extensions: Sequence[Extension] = ()
) -> list[URLPattern]:
    """URL patterns of one service, each beginning with the root; `extensions` are told of, not routed."""
    of, features = DocumentViews(service, root, extensions), FeatureViews(service, root)
    collection = f"{root}/collections/<str:collection>"
    return [
        path(root, require_safe(of.landing)),
        path(f"{root}/", require_safe(of.landing)),
        path(f"{root}/conformance", require_safe(of.conformance)),
        path(f"{root}/api", require_safe(of.api)),
        path(f"{root}/collections", require_safe(of.collections)),
        path(collection, require_safe(of.collection)),
        path(f"{collection}/queryables", require_safe(of.queryables)),
        path(f"{collection}/items", require_safe(features.items)),
        path(f"{collection}/items/<path:id>", require_safe(features.item)),
    ]
