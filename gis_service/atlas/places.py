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


OUTLINE_DEGREES = 0.001
"""More than an outline is wider than what it holds."""


def boxes_of_counties(before: World, after: World, *, live: bool) -> dict[str, F64]:
    """Where a layer that is worked out may differ between two worlds: county → one box, float64 `(1, 4)`.

    The whole of each county that was loaded; of live ones of each whose state may be another. What its
    features are made of is not compared, so this is wider than it need be.
    """
    loaded, moved = moved_counties(before, after)
    if before.topology is after.topology and before.current is after.current:
        return {}
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for world in (before, after):
        for runs in world.shapes.counties.values():
            for run in runs:
                if run.box is not None and run.county in (moved if live else loaded):
                    found.setdefault(run.county, []).append(run.box)
    wider = np.array([-1, -1, 1, 1]) * OUTLINE_DEGREES
    boxes = {county: np.array(of) for county, of in found.items()}
    return {
        county: np.concatenate([of[:, :2].min(axis=0), of[:, 2:].max(axis=0)])[None, :] + wider
        for county, of in boxes.items()
    }
