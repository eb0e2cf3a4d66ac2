"""A small map of some features as SVG inside a page: no script, no other host, bounded in what it draws."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely
from django.utils.html import format_html
from django.utils.safestring import SafeString

from layers.arrow_columns import shapes_of
from layers.geojson_columns import Features
from layers.source import Box

WIDTH = 640
MOST_COORDINATES = 50_000
"""Coordinates of one map; of more, each shape is drawn with fewer."""

_MARGIN = 12
_NARROWEST = 1e-5  # degrees: a single point has no width


def map_of_features(parts: Sequence[Features]) -> SafeString:
    """The features as they lie to each other, lon/lat, north up; nothing where none of them is anywhere."""
    found = [shapes_of(part.geometry) for part in parts]
    shapes = np.concatenate(found) if found else np.empty(0, dtype=object)
    shapes = shapes[~shapely.is_missing(shapes)]
    if not len(shapes):
        return SafeString("")
    box = Box(*map(float, shapely.total_bounds(shapes)))
    if shapely.get_num_coordinates(shapes).sum() > MOST_COORDINATES:
        shapes = shapely.simplify(shapes, (box.east - box.west) / WIDTH)
    return _drawn(box, shapes)


def map_of_extent(box: Box | None) -> SafeString:
    """An extent as a rectangle in its surroundings."""
    if box is None or box.west > box.east:
        return SafeString("")
    return _drawn(box, np.array([shapely.box(*box)], dtype=object))


def _drawn(box: Box, shapes: npt.NDArray[np.object_]) -> SafeString:
    across = max(box.east - box.west, _NARROWEST)
    stretch = 1 / max(math.cos(math.radians((box.south + box.north) / 2)), 0.05)
    up = max((box.north - box.south) * stretch, _NARROWEST)
    scale = (WIDTH - 2 * _MARGIN) / max(across, up)
    height = up * scale + 2 * _MARGIN
    width = across * scale + 2 * _MARGIN

    def placed(coords: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x = (coords[:, 0] - box.west) * scale + _MARGIN
        y = (box.north - coords[:, 1]) * stretch * scale + _MARGIN
        return np.column_stack([x, y])

    moved = shapely.transform(shapes, placed)
    paths, areas, dots = [], [], []
    for shape in shapely.get_parts(moved):
        if shape.geom_type == "Point":
            dots.append(f'<circle cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="3"/>')
        elif shape.geom_type == "LineString":
            paths.append(_path(shape.coords))
        else:
            areas.append("".join(_path(ring.coords) + "Z" for ring in (shape.exterior, *shape.interiors)))
    # every text in it is a number of ours
    inner = SafeString(
        f'<path class="area" d="{"".join(areas)}"/><path class="line" d="{"".join(paths)}"/>{"".join(dots)}'
    )
    bounds = f"{box.west:.5f}, {box.south:.5f} – {box.east:.5f}, {box.north:.5f}"
    return format_html(
        '<figure><svg viewBox="0 0 {} {}" role="img" aria-label="Map">{}</svg>'
        "<figcaption>{}</figcaption></figure>",
        f"{width:.0f}",
        f"{height:.0f}",
        inner,
        bounds,
    )


def _path(coords: Sequence[tuple[float, ...]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in coords)
