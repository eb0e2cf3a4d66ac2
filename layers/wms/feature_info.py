"""GetFeatureInfo: what is drawn at a pixel, nearest first, found on the pixels that it is drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import shapely

from compiling import F64, I64
from layers.geojson_columns import TextColumn
from layers.geojson_rows import DOUBLE, LINE, MULTILINE, POINT, TRUTH
from layers.raster import Drawn, Frame
from layers.raster.shaping import Shaped, apart, shapes_on_pixels
from layers.sheet import Patch, Sight
from layers.source import Counties
from layers.style import Cartography
from layers.style.classes import PatchColumns, classes_of
from layers.wms.feature_geometry import geometry_of

JSON, HTML, TEXT, GML = "application/json", "text/html", "text/plain", "application/vnd.ogc.gml"
GEOJSON, XML = "application/geo+json", "text/xml"
INFO_FORMATS = (JSON, HTML, TEXT, GML, GEOJSON, XML)
MOST_FEATURES = 1000
TOLERANCE = 5
"""Pixels around the place that count as it: about what a mouse or a finger can aim at."""

_MOST_CANDIDATES = 50_000


@dataclass(frozen=True)
class Hit:
    """A feature at the place: its distance in pixels, its geometry in lon/lat."""

    layer: str
    id: str
    distance: float
    geometry: shapely.Geometry
    properties: dict[str, Any]


def hits(
    frame: Frame,
    queried: Sequence[Drawn],
    cartography: Cartography,
    counties: Counties,
    *,
    place: tuple[int, int],
    moment: datetime | None = None,
    tolerance: float = TOLERANCE,
    most: int = 1,
) -> tuple[list[Hit], tuple[str, ...]]:
    """Of each queried layer up to `most` features within a tolerance, the top layer first; and who is away.

    Only what the style draws at this scale counts: an answer is about what is seen.
    """
    found: list[Hit] = []
    missing: set[str] = set()
    for source, style in reversed(queried):
        rules = style.rules_at(frame.denominator)
        if not rules:
            continue
        description = source.description
        names = tuple(field.name for field in description.fields)
        fields = tuple(dict.fromkeys((*names, *(name for rule in rules for name in sorted(rule.fields())))))
        box = _window(frame, place, tolerance + 1).look_box(0)
        seen = source.look(Sight(box, fields, moment, counties))
        missing.update(seen.missing)
        near: list[Hit] = []
        for patch in seen.patches:
            some = _first(patch, _MOST_CANDIDATES)
            columns = PatchColumns(some)
            drawn = [one.places for one in classes_of(rules, columns, frozenset(cartography.marks))]
            if not drawn:
                continue
            distances = _distances(frame, some, place)
            near += [
                _hit(description.id, names, some, columns, k, float(distances[k]))
                for k in _nearest(distances, np.concatenate(drawn), tolerance)[:most]
            ]
        near.sort(key=lambda hit: (hit.distance, hit.id))
        found += near[:most]
    return found, tuple(sorted(missing))


def _window(frame: Frame, place: tuple[int, int], around: float) -> Frame:
    """The part of a frame around one pixel."""
    across, up = (frame.east - frame.west) / frame.width, (frame.north - frame.south) / frame.height
    x, y = frame.west + (place[0] + 0.5) * across, frame.north - (place[1] + 0.5) * up
    return replace(
        frame,
        west=x - around * across,
        east=x + around * across,
        south=y - around * up,
        north=y + around * up,
        width=max(1, int(2 * around)),
        height=max(1, int(2 * around)),
    )


def _first(patch: Patch, most: int) -> Patch:
    """A patch of its first rows: what a place costs is bounded."""
    if len(patch.rows) <= most:
        return patch
    live = {
        name: replace(
            column,
            values=column.values[:most],
            known=None if column.known is None else column.known[:most],
        )
        for name, column in patch.live.items()
    }
    return replace(patch, rows=patch.rows[:most], live=live)


def _distances(frame: Frame, patch: Patch, place: tuple[int, int]) -> F64:
    """How many pixels each row of a patch lies from the middle of a pixel; NaN for what is nowhere."""
    shaped = shapes_on_pixels(frame, apart(patch))
    centre = shapely.Point(place[0] + 0.5, place[1] + 0.5)
    found: F64 = shapely.distance(_shapes(shaped), centre)
    of = patch.geometries
    if of.kind != MULTILINE:
        return found
    # of the lines of a row, the nearest counts
    nearest: F64 = np.full(len(patch.rows), np.inf)
    np.fmin.at(
        nearest,
        np.repeat(np.arange(len(patch.rows)), of.polygons[patch.rows + 1] - of.polygons[patch.rows]),
        found,
    )
    return nearest


def _nearest(distances: F64, places: I64, tolerance: float) -> list[int]:
    inside = places[distances[places] <= tolerance]
    found: list[int] = inside[np.argsort(distances[inside], kind="stable")].tolist()
    return found


def _shapes(shaped: Shaped) -> Any:
    """Geometries on pixels."""
    if shaped.kind == POINT:
        found: Any = shapely.points(shaped.xy)
        found[np.isnan(shaped.xy).any(axis=1)] = None
        return found
    is_line = shaped.kind == LINE
    kind = shapely.GeometryType.LINESTRING if is_line else shapely.GeometryType.MULTIPOLYGON
    offsets: Any = (shaped.offsets,) if is_line else (shaped.offsets, shaped.polygons, shaped.multis)
    return shapely.from_ragged_array(kind, np.nan_to_num(shaped.xy), offsets)


def _hit(
    layer: str, names: Sequence[str], patch: Patch, columns: PatchColumns, place: int, distance: float
) -> Hit:
    geometry = geometry_of(patch.geometries, int(patch.rows[place]))
    properties = {name: _value(columns, name, place) for name in names}
    (id,) = columns.texts("id", np.array([place]))
    return Hit(layer, id, distance, _single(geometry), properties)


def _single(geometry: Any) -> Any:
    """A geometry of one part as that part."""
    parts: Any = shapely.get_parts(geometry) if geometry is not None else ()
    return parts[0] if len(parts) == 1 else geometry


def _value(columns: PatchColumns, name: str, place: int) -> Any:
    column, rows = columns.column(name)
    if column is None:
        return None
    if isinstance(column, TextColumn):
        (found,) = columns.texts(name, np.array([place]))
        return found or None
    at = int(np.arange(len(column))[rows][place])
    if column.known is not None and not column.known[at]:
        return None
    value = int(column.values[at])
    if column.kind == TRUTH:
        return bool(value)
    if column.kind == DOUBLE:
        number = float(column.values[at : at + 1].view(np.float64)[0])
        return number if np.isfinite(number) else None
    return value
