"""County areas for grids that come without any: hulls drawn round the equipment.

A derived area is only a frame for the map and a way to cut a grid in two; it is not an administrative
boundary, and whoever has the real one should load that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from gis_service.ingest.frames import CRS, GridPackage
from gis_service.ingest.spec import BY_NAME

Area = shapely.Polygon | shapely.MultiPolygon

METRES_PER_DEGREE = 111_320.0


def hull(coordinates: npt.NDArray[np.float64], *, margin_m: float) -> shapely.Polygon:
    """The convex hull of lon/lat points, widened by `margin_m`."""
    scale = np.array([np.cos(np.radians(float(coordinates[:, 1].mean()))), 1.0]) * METRES_PER_DEGREE
    flat = shapely.MultiPoint(coordinates * scale).convex_hull.buffer(margin_m, quad_segs=2)
    outline = shapely.get_coordinates(shapely.get_exterior_ring(flat)) / scale
    return shapely.Polygon(np.round(outline, 7))


def county_rows(areas: Mapping[str, tuple[str, Area]]) -> gpd.GeoDataFrame:
    """Rows of the county layer from code → (name, area); Polygons become MultiPolygons."""
    shapes = [
        shapely.MultiPolygon([area]) if isinstance(area, shapely.Polygon) else area
        for _, area in areas.values()
    ]
    columns = {"code": list(areas), "name": [name for name, _ in areas.values()]}
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(shapes, crs=CRS), crs=CRS)


def divided(package: GridPackage, areas: Mapping[str, tuple[str, Area]]) -> GridPackage:
    """The same grid, each element in the first county whose area holds it; the last takes the rest.

    Points go by where they are, lines by the middle of their route. A district goes with its transformer.
    """
    frames: dict[str, pd.DataFrame] = {name: frame.copy() for name, frame in package.layers.items()}
    frames["county"] = county_rows(areas)
    codes = list(areas)
    for name, layer in BY_NAME.items():
        if name in ("county", "transformer_district"):
            continue
        shapes = package[name].geometry.to_numpy()
        if layer.geometry == "LineString":
            shapes = shapely.line_interpolate_point(shapes, 0.5, normalized=True)
        code = np.full(len(shapes), codes[-1], dtype=object)
        for one in reversed(codes[:-1]):
            area = areas[one][1]
            shapely.prepare(area)
            code[shapely.intersects(area, shapes)] = one
        frames[name]["county_code"] = code
    of_transformer = frames["power_transformer"].set_index("id")["county_code"]
    district = frames["transformer_district"]
    district["county_code"] = of_transformer.loc[district["transformer_id"]].to_numpy()
    return replace(GridPackage.of(frames), notes=package.notes)
