"""Whether a picture shows features where they are, whatever they are drawn with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

NEAR_PX = 12
FAR_PX = 45
"""A sign or a name may reach so far from its feature."""

Box = tuple[float, float, float, float]


def assert_drawn(painted: npt.NDArray[np.bool_], box: Box, truth: Mapping[str, Any]) -> None:
    """Something is painted at every feature in the box, and nothing far from all of them.

    `painted` has north up and spans the box, which is small enough to be flat.
    """
    west, south, east, north = box
    height, width = painted.shape
    scale = np.array([width / (east - west), -height / (north - south)])

    def on_picture(geometry: Any) -> Any:
        return shapely.transform(geometry, lambda xy: (xy - np.array([west, north])) * scale)

    frame = shapely.box(0, 0, width, height)
    shapes = [on_picture(shape) for shape in truth.values() if shape is not None and not shape.is_empty]
    shapes = [cut for shape in shapes if not (cut := shapely.intersection(shape, frame)).is_empty]
    assert shapes, "no feature is in the box"
    rows, columns = np.nonzero(painted)
    assert len(rows), "nothing is painted"
    pixels = shapely.points(columns + 0.5, rows + 0.5)
    for shape in shapes:
        assert shapely.distance(pixels, shapely.point_on_surface(shape)).min() <= NEAR_PX
    assert shapely.distance(pixels, shapely.union_all(shapes)).max() <= FAR_PX


def is_painted_at(painted: npt.NDArray[np.bool_], box: Box, place: Any) -> bool:
    """Whether something is painted close to a point."""
    west, south, east, north = box
    height, width = painted.shape
    across, down = (place.x - west) / (east - west) * width, (north - place.y) / (north - south) * height
    rows, columns = np.nonzero(painted)
    return bool((np.hypot(columns + 0.5 - across, rows + 0.5 - down) <= NEAR_PX).any())
