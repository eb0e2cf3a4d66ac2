"""Has the encoder's code compiled before anybody waits for it, by a tile that holds one of everything."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from layers.geojson_columns import Geometries, TextColumn, column_of
from layers.sheet import Patch
from layers.tiles.matrix import WEB_MERCATOR, Tile
from layers.tiles.mvt import layer_message
from layers.tiles.plane import plane_of


def warm_encoder() -> None:
    """Encode every kind of geometry and of attribute; seconds at the first time, milliseconds after that."""
    ring = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    kinds = [
        Geometries.points(ring[:1]),
        Geometries.lines([0, 4], ring),
        Geometries.of_polygons([0, 1], [0, 4], ring),
        Geometries.of_multipolygons([0, 1], [0, 1], [0, 4], ring),
    ]
    ids = column_of(["one"])
    assert isinstance(ids, TextColumn)
    columns = {
        "text": column_of(pa.array(["a"])),
        "word": column_of(pa.array(["a"]).dictionary_encode()),
        "number": column_of(np.ones(1)),
        "truth": column_of(pa.array([True])),
    }
    for geometries in kinds:
        patch = Patch("", np.arange(1), geometries, ids, columns)
        layer_message("warm", [patch], tuple(columns), plane_of(WEB_MERCATOR, Tile(0, 0, 0)), tolerance=1.0)
