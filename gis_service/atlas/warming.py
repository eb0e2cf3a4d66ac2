"""Has what a look needs compiled, and what hangs on the world alone worked out, before anybody looks."""

from __future__ import annotations

import numpy as np

from gis_service.atlas.atlas import Atlas
from gis_service.atlas.index import Index
from gis_service.atlas.places import DRAWN
from gis_service.engine import Engine
from layers.geojson_columns import Geometries
from layers.sheet import Sight
from layers.source import Box


def warm_atlas(engine: Engine) -> None:
    """Look at half of a county, and at what a switch would touch; what is made for that is not kept."""
    ring = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 0.0]])
    for geometries in (
        Geometries.points(ring),
        Geometries.lines([0, 2, 4], ring),
        Geometries.of_polygons([0, 1], [0, 4], ring),
    ):
        Index(geometries).rows(Box(-1.0, -1.0, 1.0, 1.0))
    atlas = Atlas(engine)
    world = engine.current.get()
    for layer in DRAWN:
        for run in world.shapes.counties.get(layer, ())[:1]:
            if run.box is not None:
                west, south, east, north = run.box
                half = Box(west, south, (west + east) / 2, north)
                sight = Sight(half, ("energised", "open", "phases"))
                atlas.stamp(layer, sight)
                atlas.look(layer, sight)
    if len(world.topology.tables.switches):
        other = world.current.with_switching([0], [not world.current.open[0]])
        atlas.touched(world, world.switched(other, {}))
