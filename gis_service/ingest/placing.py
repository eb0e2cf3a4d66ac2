"""Where a file's geometry lies and of which kind it is, brought to what the package declares.

Knows reference systems, heights and parts of one; whether a geometry is allowed is `geometry_rules`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from pyproj.exceptions import CRSError

from gis_service.ingest.spec import CRS, Layer

Shapes = npt.NDArray[np.object_]

UNDECLARED = (
    "the layer declares no coordinate reference system that is known here",
    "declare it, such as EPSG:4326 for lon/lat",
)
"""Reason and mend of a layer that `to_lonlat` has no answer for."""

_SINGLE = {"Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon"}


@dataclass(frozen=True)
class Placing:
    """How a layer's coordinates become lon/lat; `note` says what was done, None where nothing has to be."""

    onto: pyproj.Transformer | None
    note: str | None

    @property
    def as_it_is(self) -> bool:
        """Whether the coordinates are lon/lat already."""
        return self.onto is None

    def moved(self, shapes: Shapes) -> Shapes:
        """The shapes in lon/lat."""
        onto = self.onto
        if onto is None:
            return np.asarray(shapes, dtype=object)

        def move(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return np.column_stack(onto.transform(xy[:, 0], xy[:, 1]))

        return np.asarray(shapely.transform(shapes, move), dtype=object)


def to_lonlat(layer: Layer, crs: Any) -> Placing | None:
    """How a layer of that CRS, declared in any way, becomes lon/lat; None where it is not known."""
    known = _known(crs if isinstance(crs, str) else json.dumps(crs))
    if known is None:
        return None
    name, onto = known
    return Placing(onto, f"{layer.name}: coordinates brought from {name} to lon/lat" if onto else None)


@lru_cache(maxsize=32)
def _known(text: str) -> tuple[str, pyproj.Transformer | None] | None:
    """The CRS of a name, WKT or PROJJSON, and what brings it to lon/lat where that is not what it is.

    Finding out takes some hundred milliseconds; None where there is no such CRS.
    """
    try:
        declared = pyproj.CRS.from_user_input(text)
    except CRSError:
        return None
    if declared.equals(pyproj.CRS.from_user_input(CRS), ignore_axis_order=True):
        return declared.name, None
    return declared.name, pyproj.Transformer.from_crs(declared, CRS, always_xy=True)


def flat(layer: Layer, shapes: Shapes) -> tuple[Shapes, str | None]:
    """The shapes without heights and measures, and the note that says so where there were any."""
    if bool(np.any(shapely.has_z(shapes))) or bool(np.any(shapely.has_m(shapes))):
        note = f"{layer.name}: heights and measures of the geometry are left out"
        return np.asarray(shapely.force_2d(shapes), dtype=object), note
    return shapes, None


def declared_kind(layer: Layer, shapes: Shapes) -> Shapes:
    """Polygons as MultiPolygon where that is declared, and collections of one as their only part."""
    kinds = shapely.get_type_id(shapes)
    out = shapes.copy()
    if layer.geometry == "MultiPolygon":
        rows = kinds == shapely.GeometryType.POLYGON
        out[rows] = [shapely.MultiPolygon([one]) for one in shapes[rows]]
        return out
    multi = getattr(shapely.GeometryType, _SINGLE[layer.geometry].upper())
    rows = (kinds == multi) & (shapely.get_num_geometries(shapes) == 1)
    out[rows] = shapely.get_geometry(shapes[rows], 0)
    return out
