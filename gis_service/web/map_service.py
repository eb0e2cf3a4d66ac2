"""The map layers of this process: its engine's collections, who may see which counties, what data it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any

from gis_service.atlas import Atlas
from gis_service.engine.world import Scene
from gis_service.map_key import map_key, tokens_required
from gis_service.sources import DrawnLayer, grid_catalog
from gis_service.web.extra_layers import extra_layers
from gis_service.web.map_changes import MapChanges
from gis_service.web.service import engine
from layers.catalog import Catalog
from layers.scope import Gate
from layers.service import Contact, MapService
from layers.source import Counties, within


@lru_cache(maxsize=1)
def map_service() -> MapService:
    """The one service of map layers; nothing is asked of the database before the first request."""
    return MapService(_catalog, Gate(map_key(), tokens_required()).counties_of, _head, _contact())


@lru_cache(maxsize=1)
def map_changes() -> MapChanges:
    """Where the map of this process changes."""
    return MapChanges(_atlas)


def _atlas() -> Atlas:
    return next(source.atlas for source in _catalog() if isinstance(source, DrawnLayer))


@lru_cache(maxsize=1)
def _catalog() -> Catalog:
    grid = list(grid_catalog(engine()))
    return Catalog([*grid, *extra_layers({source.description.id for source in grid})])


def _contact() -> Contact:
    """Who runs this service, as the environment says."""
    return Contact(
        **{
            one.name: os.environ.get(f"GRIDGIS_MAP_CONTACT_{one.name.upper()}", "").strip()
            for one in fields(Contact)
        }
    )


def _head(counties: Counties) -> Mapping[str, Any]:
    return head_within(engine().scene(), counties)


def head_within(scene: Scene, counties: Counties) -> Mapping[str, Any]:
    """The head of an answer about some counties alone; no other county is named.

    `partial` is true as well where the network of these is joined to that of another county, which cannot be
    read now: their live state hangs on it.
    """
    head = scene.head()
    if counties is None:
        return head
    seen = within(head["grid_version"], counties)
    return {
        **head,
        "grid_version": {county: head["grid_version"][county] for county in seen},
        "partial": bool(scene.world.narrowed(scene.missing, seen)),
        "missing_counties": within(scene.missing, counties),
        "loaded_later": within(head["loaded_later"], counties),
    }
