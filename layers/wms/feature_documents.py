"""The features of a GetFeatureInfo answer, written in each format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson
import shapely
from django.utils.html import escape as html

from layers.wms.feature_info import GML, HTML, TEXT, Hit
from layers.wms.xml import element, leaf, text


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
                f"grid:{_name(hit.layer)}",
                *(
                    [element("grid:geometry", _gml_geometry(hit.geometry))]
                    if hit.geometry is not None
                    else []
                ),
                *(
                    leaf(f"grid:{_name(name)}", value if not isinstance(value, bool) else str(value).lower())
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


def _name(text: str) -> str:
    """A text as a name that XML takes (Namespaces in XML, production 4)."""
    plain = re.sub(r"[^\w.-]", "_", text)
    return plain if re.match(r"[^\W\d]", plain) else f"_{plain}"


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
    if kind == "MultiLineString":
        lines = "".join(
            f"<gml:lineStringMember>{_gml_geometry(part)}</gml:lineStringMember>" for part in geometry.geoms
        )
        return f'<gml:MultiLineString srsName="{system}">{lines}</gml:MultiLineString>'
    parts = "".join(
        f"<gml:polygonMember>{_gml_geometry(part)}</gml:polygonMember>" for part in geometry.geoms
    )
    return f'<gml:MultiPolygon srsName="{system}">{parts}</gml:MultiPolygon>'
