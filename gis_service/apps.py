"""The engine as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class GisServiceConfig(AppConfig):
    """Label of the migrations; importing it opens nothing."""

    name = "gis_service"
    label = "gis_service"
    verbose_name = "GIS engine"
