"""Where the elements of one topology lie: what meets an area, and the outline around a set of elements.

No index is kept: the counties whose box meets the area are passed over once, and shapely is asked of the few
elements that are near. Works in lon/lat; outlines are drawn in a local metric frame around the elements and
turned back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from gis_service.engine.columns import EDGE_LAYERS, TABLE_OF_LAYER, Rows, table_of, vertices_of
from gis_service.errors import InvalidInput
from gis_service.kernels.boxes import lines_in_box, points_in_box
from gis_service.network.columns import runs
from gis_service.network.tables import GridTables, Lines, Table
from gis_service.network.texts import frozen

_LAYERS = ("connectivity_node", *EDGE_LAYERS, "customer_point")
_METRES_PER_DEGREE = 111_195.0
_POSITIONS = "xy"  # every layer but lines keeps its points under this name
_OUTLINE_MARGIN_M = 15.0
_OUTLINE_TIGHTNESS = 0.35
_MAX_OUTLINE_POINTS = 20_000

MOST_POSITIONS = 20_000
"""Of an area: whether one is valid, and what meets it, costs more than its positions in proportion."""

Points = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]


class CountyRun(NamedTuple):
    """The rows `[first, stop)` of one county in one layer, and the box around them (lon/lat), if any."""

    county: str
    first: int
    stop: int
    box: Box | None


class Shapes:
    """Geometry of the conducting elements, nodes and customers of one topology.

    Parameters
    ----------
    tables
        Where the geometry stands.
    counties
        Layer → its counties in order, for every layer with geometry, where that is known; else it is worked
        out when it is needed.
    """

    def __init__(self, tables: GridTables, counties: Mapping[str, Sequence[CountyRun]] | None = None) -> None:
        self._tables = tables
        if counties is not None:
            self.__dict__["counties"] = counties

    @cached_property
    def counties(self) -> Mapping[str, Sequence[CountyRun]]:
        """Layer → the counties that have elements of it, in order, with the box around them."""
        found: dict[str, list[CountyRun]] = {}
        for layer in TABLE_OF_LAYER:
            table = table_of(self._tables, layer)
            if layer != "line_section" and not hasattr(table, _POSITIONS):
                continue
            found[layer] = [
                CountyRun(county, first, stop, _box_around(_points(table, first, stop)))
                for county, first, stop in runs(table.county)
            ]
        return found

    def meeting(self, area: BaseGeometry) -> dict[str, Rows]:
        """Every node, conducting element, source and customer whose geometry meets the area, border included.

        Layer → ascending rows, where there are any. Costs a pass over the geometry of the counties that the
        area may meet.
        """
        if area.is_empty:
            return {}
        shapely.prepare(area)
        box: Box = area.bounds
        found = {
            layer: np.concatenate(
                [
                    np.empty(0, np.int64),
                    *(
                        self._meeting_in(layer, run, area, box)
                        for run in self.counties[layer]
                        if run.box is not None and _meet(box, run.box)
                    ),
                ]
            )
            for layer in _LAYERS
        }
        return {layer: rows for layer, rows in found.items() if rows.size}

    def _meeting_in(self, layer: str, run: CountyRun, area: BaseGeometry, box: Box) -> Rows:
        if layer == "line_section":
            lines = self._tables.lines
            offsets = frozen(lines.offsets[run.first : run.stop + 1], np.int64)
            coords = frozen(lines.coords[int(offsets[0]) : int(offsets[-1])], np.float64)
            near = lines_in_box(offsets, coords, *box)
            firsts, vertices = vertices_of(lines, near + run.first)
            counts = np.diff(firsts)
            made = shapely.linestrings(vertices, indices=np.repeat(np.arange(near.size), counts))
            inside = shapely.intersects(area, made)
        else:
            points = getattr(table_of(self._tables, layer), _POSITIONS)[run.first : run.stop]
            near = points_in_box(frozen(points, np.float64), *box)
            inside = shapely.intersects_xy(area, points[near, 0], points[near, 1])
        rows: Rows = near[inside] + run.first
        return rows

    def outline(self, lines: Rows, points: Points) -> dict[str, Any] | None:
        """A polygon around some lines and points, GeoJSON; None when there are none of either.

        A concave hull, 15 m wider than what it holds: drawn for the eye, not for area arithmetic.
        """
        cloud = np.concatenate([points, vertices_of(self._tables.lines, lines)[1]])
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


def _points(table: Table, first: int, stop: int) -> Points:
    """Every position that stands in some rows of a table."""
    if isinstance(table, Lines):
        points: Points = np.asarray(table.coords[int(table.offsets[first]) : int(table.offsets[stop])])
        return points
    xy: Points = np.asarray(getattr(table, _POSITIONS)[first:stop])
    return xy


def _box_around(points: Points) -> Box | None:
    known = points[~np.isnan(points).any(axis=1)]
    if not len(known):
        return None
    (west, south), (east, north) = known.min(axis=0).tolist(), known.max(axis=0).tolist()
    return west, south, east, north


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def read_area(geojson: Mapping[str, Any], *, field: str) -> BaseGeometry:
    """The area of a GeoJSON Polygon or MultiPolygon, whose parts may overlap: it is what lies in any of them.

    Raises
    ------
    InvalidInput
        When there are too many positions, a ring is not closed, or a polygon crosses itself; the fault names
        `field` and the place.
    """
    several = geojson["type"] == "MultiPolygon"
    polygons = geojson["coordinates"] if several else [geojson["coordinates"]]
    positions = sum(len(ring) for rings in polygons for ring in rings)
    if positions > MOST_POSITIONS:
        fault = (
            f"{field}: an area has {MOST_POSITIONS:,} positions at most, and this one has {positions:,}: "
            "simplify it, or ask for its parts"
        )
        raise InvalidInput(fault, [fault])
    faults = [
        f"{field}.coordinates: ring {r} of polygon {p} is not closed: repeat its first position at the end"
        for p, rings in enumerate(polygons)
        for r, ring in enumerate(rings)
        if list(ring[0][:2]) != list(ring[-1][:2])
    ]
    if faults:
        raise InvalidInput(faults[0], faults)
    parts = [shapely.force_2d(shape({"type": "Polygon", "coordinates": rings})) for rings in polygons]
    faults = [
        f"{field}{f'.coordinates[{p}]' if several else ''}: not a valid polygon: "
        f"{shapely.is_valid_reason(part)}; draw it without crossing itself"
        for p, part in enumerate(parts)
        if not shapely.is_valid(part)
    ]
    if faults:
        raise InvalidInput(faults[0], faults)
    area: BaseGeometry = shapely.union_all(parts) if several else parts[0]
    shapely.prepare(area)
    return area
