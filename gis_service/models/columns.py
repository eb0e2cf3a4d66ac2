"""Columns that several tables have."""

from __future__ import annotations

from django.contrib.gis.db import models

WGS84 = 4326


def identifier(*, null: bool = False) -> models.TextField[str, str]:
    """An id: sorted by code point (collation C), as Python does."""
    return models.TextField(db_collation="C", null=null)


def number(*, null: bool = False) -> models.FloatField[float, float]:
    """A number with a fraction; null where it is not known."""
    return models.FloatField(null=null)
