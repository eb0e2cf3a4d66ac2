"""GetFeatureInfo: what is drawn at a pixel, nearest first, found on the pixels that it is drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import shapely
from django.utils.html import escape as html

from compiling import F64
from layers.geojson_columns import TextColumn
from layers.geojson_rows import DOUBLE, LINE, POINT, TRUTH
from layers.raster import Drawn, Frame
from layers.raster.shaping import Shaped, shapes_on_pixels
from layers.sheet import Patch, Sight
from layers.source import Counties
from layers.style import Cartography
from layers.style.classes import PatchColumns, classes_of
from layers.wms.asking import MapAsked
from layers.wms.xml import element, leaf, text

JSON, HTML, TEXT, GML = "application/json", "text/html", "text/plain", "application/vnd.ogc.gml"
INFO_FORMATS = (JSON, HTML, TEXT, GML, "application/geo+json", "text/xml")
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
    asked: MapAsked,
    queried: Sequence[Drawn],
    cartography: Cartography,
    counties: Counties,
    *,
    place: tuple[int, int],
    tolerance: float = TOLERANCE,
    most: int = 1,
) -> tuple[list[Hit], tuple[str, ...]]:
    """Of each queried layer up to `most` features within a tolerance, the top layer first; and who is away.

    Only what the style draws at this scale counts: an answer is about what is seen.
    """
    found: list[Hit] = []
    missing: set[str] = set()
    for source, style in reversed(queried):
        rules = style.rules_at(asked.frame.denominator)
        if not rules:
            continue
        description = source.description
        names = tuple(field.name for field in description.fields)
        fields = tuple(dict.fromkeys((*names, *(name for rule in rules for name in sorted(rule.fields())))))
        box = _window(asked.frame, place, tolerance + 1).look_box(0)
        seen = source.look(Sight(box, fields, asked.moment, counties))
        missing.update(seen.missing)
        near: list[Hit] = []
        for patch in seen.patches:
            some = replace(
                patch,
                rows=patch.rows[:_MOST_CANDIDATES],
                live={
                    name: replace(
                        column,
                        values=column.values[:_MOST_CANDIDATES],
                        known=None if column.known is None else column.known[:_MOST_CANDIDATES],
                    )
                    for name, column in patch.live.items()
                },
            )
            columns = PatchColumns(some)
            drawn = [one.places for one in classes_of(rules, columns, frozenset(cartography.marks))]
            if not drawn:
                continue
            places = np.sort(np.concatenate(drawn))
            shapes = _shapes(shapes_on_pixels(asked.frame, some), places)
            centre = shapely.Point(place[0] + 0.5, place[1] + 0.5)
            distances = shapely.distance(shapes, centre)
            order = np.argsort(distances, kind="stable")
            near += [
                _hit(description.id, names, some, columns, int(places[k]), float(distances[k]))
                for k in order[distances[order] <= tolerance][:most].tolist()
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


def _shapes(shaped: Shaped, places: Any) -> Any:
    """Geometries on pixels; a line of one position or an area without rings is nowhere."""
    if shaped.kind == POINT:
        found = shapely.points(shaped.xy[places])
        found[np.isnan(shaped.xy[places]).any(axis=1)] = None
        return found
    is_line = shaped.kind == LINE
    kind = shapely.GeometryType.LINESTRING if is_line else shapely.GeometryType.MULTIPOLYGON
    offsets: Any = (shaped.offsets,) if is_line else (shaped.offsets, shaped.polygons, shaped.multis)
    made: Any = shapely.from_ragged_array(kind, np.nan_to_num(shaped.xy), offsets)
    return made[places]


def _hit(
    layer: str, names: Sequence[str], patch: Patch, columns: PatchColumns, place: int, distance: float
) -> Hit:
    only = replace(patch, rows=patch.rows[place : place + 1], live={})
    unit = Frame("CRS:84", 0.0, 0.0, 1.0, 1.0, 1, 1)
    shaped = shapes_on_pixels(unit, only)
    # on a picture of one pixel a degree each way y counts down from 1
    geometry = shapely.transform(_shapes(shaped, np.zeros(1, np.int64))[0], _upright)
    properties = {name: _value(columns, name, place) for name in names}
    (id,) = columns.texts("id", np.array([place]))
    return Hit(layer, id, distance, _single(geometry), properties)


def _upright(xy: F64) -> F64:
    found: F64 = np.empty_like(xy)
    found[:, 0], found[:, 1] = xy[:, 0], 1 - xy[:, 1]
    return np.round(found, 9)


def _single(geometry: Any) -> Any:
    """A multipolygon of one part as that part."""
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


def written(found: Sequence[Hit], format: str) -> bytes:
    """The answer in one of the formats."""
    if format == HTML:
        return _html(found).encode()
    if format == TEXT:
        return _text(found).encode()
    if format in (GML, "text/xml"):
        return _gml(found).encode()
    features = [
        {
            "type": "Feature",
            "id": f"{hit.layer}.{hit.id}",
            "layer": hit.layer,
            "geometry": None if hit.geometry is None else orjson.Fragment(shapely.to_geojson(hit.geometry)),
            "properties": hit.properties,
        }
        for hit in found
    ]
    return orjson.dumps({"type": "FeatureCollection", "features": features, "numberReturned": len(found)})


def _shown(value: Any) -> str:
    return "" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _html(found: Sequence[Hit]) -> str:
    tables = "".join(
        f"<h2>{html(hit.layer)} {html(hit.id)}</h2><table>"
        + "".join(
            f"<tr><th>{html(name)}</th><td>{html(_shown(value))}</td></tr>"
            for name, value in hit.properties.items()
            if value is not None
        )
        + "</table>"
        for hit in found
    )
    style = "body{font:14px sans-serif}th{text-align:left;padding-right:1em;font-weight:normal;color:#555}"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Features</title><style>{style}'
        f"</style></head><body>{tables or '<p>Nothing here.</p>'}</body></html>"
    )


def _text(found: Sequence[Hit]) -> str:
    lines = []
    for hit in found:
        lines.append(f"{hit.layer} {hit.id}")
        lines += [
            f"  {name} = {_shown(value)}" for name, value in hit.properties.items() if value is not None
        ]
        lines.append("")
    return "\n".join(lines or ["Nothing here.", ""])


def _gml(found: Sequence[Hit]) -> str:
    members = [
        element(
            "gml:featureMember",
            element(
                f"grid:{hit.layer}",
                *(
                    [element("grid:geometry", _gml_geometry(hit.geometry))]
                    if hit.geometry is not None
                    else []
                ),
                *(
                    leaf(f"grid:{name}", value if not isinstance(value, bool) else str(value).lower())
                    for name, value in hit.properties.items()
                    if value is not None
                ),
                fid=f"{hit.layer}.{hit.id}",
            ),
        )
        for hit in found
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<wfs:FeatureCollection '
        'xmlns:wfs="http://www.opengis.net/wfs" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:grid="urn:gridgis:layers"><gml:boundedBy><gml:null>unknown</gml:null></gml:boundedBy>'
        f"{''.join(members)}</wfs:FeatureCollection>\n"
    )


def _gml_geometry(geometry: Any) -> str:
    """GML 2 (OGC 02-069), which is what clients of this format read; x before y."""
    system = "http://www.opengis.net/gml/srs/epsg.xml#4326"
    kind = geometry.geom_type

    def positions(part: Any) -> str:
        listed = " ".join(f"{x},{y}" for x, y in shapely.get_coordinates(part).tolist())
        return f"<gml:coordinates>{text(listed)}</gml:coordinates>"

    if kind in ("Point", "LineString"):
        return f'<gml:{kind} srsName="{system}">{positions(geometry)}</gml:{kind}>'
    if kind == "Polygon":
        holes = "".join(
            f"<gml:innerBoundaryIs><gml:LinearRing>{positions(ring)}</gml:LinearRing></gml:innerBoundaryIs>"
            for ring in geometry.interiors
        )
        outer = f"<gml:outerBoundaryIs><gml:LinearRing>{positions(geometry.exterior)}</gml:LinearRing>"
        return f'<gml:Polygon srsName="{system}">{outer}</gml:outerBoundaryIs>{holes}</gml:Polygon>'
    parts = "".join(
        f"<gml:polygonMember>{_gml_geometry(part)}</gml:polygonMember>" for part in geometry.geoms
    )
    return f'<gml:MultiPolygon srsName="{system}">{parts}</gml:MultiPolygon>'
