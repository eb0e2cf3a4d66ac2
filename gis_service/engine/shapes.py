"""Where the elements of one topology lie: what meets an area, and the outline around a set of elements.

The spatial index is built at the first question that needs it and kept as long as the topology. Works in
lon/lat; outlines are drawn in a local metric frame around the elements and turned back.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from gis_service.engine.columns import EDGE_LAYERS, Rows, table_of
from gis_service.errors import InvalidInput
from gis_service.network.ids import Ref
from gis_service.network.tables import GridTables

_LAYERS = ("connectivity_node", *EDGE_LAYERS, "customer_point")
_METRES_PER_DEGREE = 111_195.0
_POSITIONS = "xy"  # every layer but lines keeps its points under this name
_OUTLINE_MARGIN_M = 15.0
_OUTLINE_TIGHTNESS = 0.35
_MAX_OUTLINE_POINTS = 20_000

Points = npt.NDArray[np.float64]


class Shapes:
    """Geometry of the conducting elements, nodes and customers of one topology."""

    def __init__(self, tables: GridTables) -> None:
        self._tables = tables
        self._building = threading.Lock()
        self._tree: shapely.STRtree | None = None
        self._first: list[int] = []

    def meeting(self, area: BaseGeometry) -> list[Ref]:
        """Every node, conducting element, source and customer whose geometry meets the area, border included.

        In the order of layer and row.
        """
        tree = self._index()
        found = np.sort(tree.query(area, predicate="intersects"))
        bounds = [*self._first, len(tree)]
        cuts = np.searchsorted(found, bounds)
        return [
            Ref(layer, int(at) - bounds[k])
            for k, layer in enumerate(_LAYERS)
            for at in found[cuts[k] : cuts[k + 1]].tolist()
        ]

    def _index(self) -> shapely.STRtree:
        with self._building:
            if self._tree is None:
                parts = [_geometries(self._tables, layer) for layer in _LAYERS]
                self._first = [0, *np.cumsum([len(part) for part in parts]).tolist()][:-1]
                self._tree = shapely.STRtree(np.concatenate(parts))
            return self._tree

    def outline(self, lines: Rows, points: Points) -> dict[str, Any] | None:
        """A polygon around some lines and points, GeoJSON; None when there are none of either.

        A concave hull, 15 m wider than what it holds: drawn for the eye, not for area arithmetic.
        """
        table = self._tables.lines
        vertices = [table.coords[table.offsets[row] : table.offsets[row + 1]] for row in lines.tolist()]
        cloud = np.concatenate([points, *vertices]) if vertices else points
        cloud = np.unique(cloud[~np.isnan(cloud).any(axis=1)], axis=0)
        if not len(cloud):
            return None
        # the scale of a local frame: metres are enough for an outline
        middle = cloud.mean(axis=0)
        scale = np.array([np.cos(np.radians(middle[1])), 1.0]) * _METRES_PER_DEGREE
        scale[0] = max(scale[0], 1.0)
        metres = (cloud - middle) * scale
        step = max(1, len(metres) // _MAX_OUTLINE_POINTS)
        hull = shapely.convex_hull if step > 1 else _concave
        around = shapely.simplify(shapely.buffer(hull(shapely.multipoints(metres)), _OUTLINE_MARGIN_M), 1.0)
        back = shapely.transform(around, lambda xy: np.round(xy / scale + middle, 7))
        geojson: dict[str, Any] = mapping(shapely.orient_polygons(back))
        return geojson


def _concave(cloud: BaseGeometry) -> BaseGeometry:
    return shapely.concave_hull(cloud, ratio=_OUTLINE_TIGHTNESS)


def _geometries(tables: GridTables, layer: str) -> npt.NDArray[np.object_]:
    if layer == "line_section":
        lines = tables.lines
        if not len(lines):
            return np.array([], object)
        counts = np.diff(lines.offsets)
        made = shapely.linestrings(lines.coords, indices=np.repeat(np.arange(len(counts)), counts))
        return np.asarray(made, object)
    xy: Points = getattr(table_of(tables, layer), _POSITIONS)
    return np.asarray(shapely.points(xy), object) if len(xy) else np.array([], object)


def read_area(geojson: Mapping[str, Any], *, field: str) -> BaseGeometry:
    """The polygon of a GeoJSON Polygon or MultiPolygon.

    Raises
    ------
    InvalidInput
        When a ring is not closed or the polygon crosses itself; the fault names `field` and the place.
    """
    polygons = [geojson["coordinates"]] if geojson["type"] == "Polygon" else geojson["coordinates"]
    faults = [
        f"{field}.coordinates: ring {r} of polygon {p} is not closed: repeat its first position at the end"
        for p, rings in enumerate(polygons)
        for r, ring in enumerate(rings)
        if list(ring[0][:2]) != list(ring[-1][:2])
    ]
    if faults:
        raise InvalidInput(faults[0], faults)
    area = shapely.force_2d(shape(dict(geojson)))
    if not shapely.is_valid(area):
        fault = (
            f"{field}: not a valid polygon: {shapely.is_valid_reason(area)}; draw it without crossing itself"
        )
        raise InvalidInput(fault, [fault])
    shapely.prepare(area)
    return area
