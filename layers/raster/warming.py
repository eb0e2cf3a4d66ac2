"""Has the drawing's code compiled before anybody waits for it, by a picture that holds one of everything."""

from __future__ import annotations

import numpy as np

from layers.geojson_columns import Geometries, TextColumn, column_of
from layers.raster.clipping import clipped_rings, reaches_far
from layers.raster.drawing import needed_fields
from layers.raster.easel import Easel
from layers.raster.encoding import PNG, encoded, on_ground
from layers.raster.frame import Frame
from layers.sheet import Patch
from layers.style import cartography


def warm_drawing() -> None:
    """Draw every kind of geometry; seconds at the first time, milliseconds after that."""
    frame = Frame("CRS:84", 0.0, 0.0, 0.01, 0.01, 64, 64)
    ring = np.array([[0.0, 0.0], [0.009, 0.0], [0.009, 0.009], [0.0, 0.0]])
    kinds = {
        "Point": Geometries.points(ring[1:2] / 2),
        "LineString": Geometries.lines([0, 4], ring),
        "Polygon": Geometries.of_polygons([0, 1], [0, 4], ring),
        "MultiPolygon": Geometries.of_multipolygons([0, 1], [0, 1], [0, 4], ring),
    }
    ids = column_of(["one"])
    assert isinstance(ids, TextColumn)
    styles = cartography()
    easel = Easel(frame, styles)
    for kind, geometries in kinds.items():
        patch = Patch("", np.arange(1), geometries, ids, {"name": ids})
        for layer in ("transformer_district", f"any {kind}"):
            style = styles.styles(layer, kind)[0]
            if needed_fields(style, frame.denominator) or layer.startswith("any"):
                easel.add(style, [patch], labels=True)
    box = np.array([0.0, 0.0, 64.0, 64.0])
    reaches_far(ring, box)
    clipped_rings(np.array([0, 4]), ring, box)
    pixels = easel.finished()
    encoded(pixels, PNG)
    encoded(pixels, PNG, (255, 255, 255))
    on_ground(pixels, (255, 255, 255))
