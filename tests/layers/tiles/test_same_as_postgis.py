"""Tiles hold the features that `ST_AsMVT` puts into them out of the tables of the same database."""

from __future__ import annotations

import pytest
import shapely

from layers.tiles.detail import MOST_DETAIL
from layers.tiles.matrix import EXTENT
from layers.tiles.plane import MARGIN
from tests.grid_database import GridDatabase
from tests.layers.tiles.decoder import Feature, decoded, twice_area
from tests.layers.tiles.test_addresses import features, tiles_of
from tests.live import LiveEngine

LAYERS = ("line_section", "switch", "power_transformer", "customer_point", "corridor", "county")
_TILE = """
SELECT coalesce(ST_AsMVT(seen, %s, %s, 'geom'), '') FROM (
    SELECT {key} AS id, ST_AsMVTGeom(plane, ST_TileEnvelope(%s, %s, %s), %s, %s, true) AS geom
    FROM (SELECT {key}, ST_Transform(geom, 3857) AS plane FROM {table}) AS placed
) AS seen WHERE geom IS NOT NULL
"""


def shape_of(feature: Feature) -> shapely.Geometry:
    if feature.type == 1:
        return shapely.Point(feature.parts[0][0])
    if feature.type == 2:
        return shapely.MultiLineString(feature.parts)
    rings = [(twice_area(part), shapely.Polygon(part)) for part in feature.parts]
    outer = shapely.union_all([ring for area, ring in rings if area > 0])
    return outer.difference(shapely.union_all([ring for area, ring in rings if area < 0]))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_same_features_lie_at_the_same_places(
    still_engine: LiveEngine, migrated_database: GridDatabase, layer: str
) -> None:
    key = "code" if layer == "county" else "id"
    for tile in tiles_of(features(still_engine, layer), MOST_DETAIL if layer != "county" else 9):
        values = [layer, EXTENT, *tile, EXTENT, MARGIN]
        ((theirs,),) = migrated_database.query(_TILE.format(key=key, table=layer), *values)
        ours = still_engine.get(f"/tiles/{layer}/{tile.z}/{tile.x}/{tile.y}.mvt?properties={key}")
        both = [decoded(bytes(one))[layer].features for one in (ours.content, theirs)]
        left, right = (
            {str(one.properties.get(key, one.properties.get("id"))): one for one in of} for of in both
        )
        assert left.keys() == right.keys()
        for id, one in left.items():
            distance = shapely.hausdorff_distance(shape_of(one), shape_of(right[id]))
            assert distance <= 1.5, (tile, id)
