"""Where rows of the engine's tables lie, and which counties differ between two worlds."""

from __future__ import annotations

import numpy as np

from gis_service.engine.columns import table_of, vertices_of
from gis_service.engine.world import World
from gis_service.kernels.compiled import F64, I64
from gis_service.kernels.extents import boxes_around
from gis_service.network.tables import GridTables, Lines
from gis_service.network.texts import frozen

DRAWN = ("substation", "line_section", "switch", "power_transformer", "customer_point")
"""Layers of which the engine's tables hold the places."""


def boxes_of_rows(tables: GridTables, layer: str, rows: I64) -> F64:
    """The box around each of some elements, float64 `(len(rows), 4)`; nan for what is nowhere."""
    table = table_of(tables, layer)
    if isinstance(table, Lines):
        offsets, coords = vertices_of(table, rows)
        return boxes_around(frozen(offsets, np.int64), frozen(coords, np.float64))
    points = table.columns().get("xy")
    xy = np.full((rows.size, 2), np.nan) if points is None else np.asarray(points[rows])
    return np.hstack([xy, xy])


def moved_counties(before: World, after: World) -> tuple[set[str], set[str]]:
    """The counties that were loaded, replaced or taken out, and all whose live state may be another.

    These are the counties that moved at all, and those whose network was or is tied to them.
    """
    loaded: set[str] = set()
    moved: set[str] = set()
    for county in before.versions.keys() | after.versions.keys():
        was, is_now = before.versions.get(county), after.versions.get(county)
        if was == is_now:
            continue
        moved.add(county)
        loads = [None if one is None else (one.topology_version, one.loaded_at) for one in (was, is_now)]
        if loads[0] != loads[1]:
            loaded.add(county)
    tied: set[str] = set(moved)
    for world in (before, after):
        heads = {world.tied.get(county, county) for county in moved if county in world.versions}
        tied |= {county for county in world.versions if world.tied.get(county, county) in heads}
    return loaded, tied
