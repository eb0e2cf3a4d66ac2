"""The rules for the geometry of one layer: kind, emptiness, coordinates, validity.

Knows shapes and nothing of attributes. A line whose points coincide is legal (a bus coupler drawn as a
line has no extent); a polygon that crosses itself is not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.ingest.spec import Layer

_KINDS = {
    "Point": shapely.GeometryType.POINT,
    "LineString": shapely.GeometryType.LINESTRING,
    "Polygon": shapely.GeometryType.POLYGON,
    "MultiPolygon": shapely.GeometryType.MULTIPOLYGON,
}
_LIMITS = "give longitude between -180 and 180 and latitude between -90 and 90 (in this order)"


def geometry_faults(
    layer: Layer, shapes: npt.NDArray[np.object_], *, skip: npt.NDArray[np.bool_]
) -> Iterator[tuple[int, str, str]]:
    """Yield (row, reason, mend), at most one per row; rows in `skip` have been reported before."""
    missing = shapely.is_missing(shapes)
    kinds = shapely.get_type_id(shapes)
    wrong = ~missing & (kinds != _KINDS[layer.geometry])
    empty = ~missing & ~wrong & shapely.is_empty(shapes)
    whole = ~missing & ~wrong & ~empty
    unbounded, beyond, first = _coordinates(shapes, whole)
    checked = whole & ~unbounded & ~beyond
    crossed = np.zeros(len(shapes), dtype=bool)
    if layer.geometry in ("Polygon", "MultiPolygon"):
        crossed[checked] = ~shapely.is_valid(shapes[checked])
    if not layer.geometry_required:
        missing = np.zeros(len(shapes), dtype=bool)
    for row in np.flatnonzero((missing | wrong | empty | unbounded | beyond | crossed) & ~skip).tolist():
        if missing[row]:
            yield row, "the geometry is null", f"give it a {layer.geometry}"
        elif wrong[row]:
            yield row, f"the geometry is a {shapes[row].geom_type}", f"give it a {layer.geometry}"
        elif empty[row]:
            yield row, "the geometry is empty", f"give it a {layer.geometry}"
        elif unbounded[row]:
            yield row, "the geometry has a coordinate that is not a number", "correct it"
        elif beyond[row]:
            x, y = first[row]
            yield row, f"the coordinate ({x:g}, {y:g}) is out of range", _LIMITS
        else:
            yield row, f"the geometry is invalid ({shapely.is_valid_reason(shapes[row])})", "correct it"


def _coordinates(
    shapes: npt.NDArray[np.object_], whole: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[int, tuple[float, float]]]:
    """Rows with a coordinate that is no number; rows with one out of range, and the first such."""
    xy, among = shapely.get_coordinates(shapes[whole], return_index=True)
    owners = np.flatnonzero(whole)[among]
    unbounded = np.zeros(len(shapes), dtype=bool)
    beyond = np.zeros(len(shapes), dtype=bool)
    finite = np.isfinite(xy).all(axis=1)
    unbounded[owners[~finite]] = True
    out = finite & ((np.abs(xy[:, 0]) > 180.0) | (np.abs(xy[:, 1]) > 90.0))
    beyond[owners[out]] = True
    beyond &= ~unbounded
    first: dict[int, tuple[float, float]] = {}
    for place in np.flatnonzero(out).tolist():
        first.setdefault(int(owners[place]), (float(xy[place, 0]), float(xy[place, 1])))
    return unbounded, beyond, first
