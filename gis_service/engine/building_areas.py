"""The areas of a supply-scheme question: read and checked, and said when they leave no way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from gis_service.engine.shapes import MOST_POSITIONS, read_area
from gis_service.errors import Impossible, InvalidInput
from gis_service.planning.areas import Areas, areas_in
from gis_service.planning.plane import Plane
from gis_service.planning.refusals import closing_area
from gis_service.planning.search import Block


def read_areas(
    plane: Plane, avoid: Sequence[Mapping[str, Any]], must_pass: Sequence[Mapping[str, Any]]
) -> Areas:
    """The areas in the plane around the customer.

    Raises
    ------
    InvalidInput
        For what is no area, or too many positions in all.
    Impossible
        When they contradict each other: nothing built around the point, or an area to be passed in one to be
        avoided.
    """
    positions = sum(_positions(one) for one in (*avoid, *must_pass))
    if positions > MOST_POSITIONS:
        fault = (
            f"avoid, must_pass: these areas have {positions:,} positions, and {MOST_POSITIONS:,} are the "
            "most: simplify them"
        )
        raise InvalidInput(fault, [fault])
    areas = areas_in(
        plane,
        [read_area(one, field=f"avoid[{k}]") for k, one in enumerate(avoid)],
        [read_area(one, field=f"must_pass[{k}]") for k, one in enumerate(must_pass)],
    )
    if areas.closes_points(np.zeros((1, 2)))[0]:
        raise Impossible(
            "avoid: the point lies inside this area, where nothing may be built: leave it outside, or move "
            "the point"
        )
    for k, area in enumerate(areas.must_pass):
        if areas.avoid is not None and shapely.contains_properly(areas.avoid, area):
            raise Impossible(
                f"must_pass[{k}]: this area lies wholly inside `avoid`, so no route can pass it: draw one of "
                "the two otherwise"
            )
    return areas


def refuse_areas(areas: Areas, reach: float) -> None:
    """Say which area is farther away than any route may go."""
    for k, area in enumerate(areas.must_pass):
        far = float(shapely.distance(shapely.Point(0.0, 0.0), area))
        if far > reach:
            raise Impossible(
                f"must_pass[{k}]: this area lies {far:,.0f} m from the point, and no route may be longer "
                f"than {reach:,.0f} m: raise rules.limits.reach_m, or draw it nearer"
            )


def refuse_closed(blocks: list[Block]) -> None:
    """Say which areas close all ways, where without them there would be some."""
    closed = {closing_area(block, np.arange(len(block.sites))) for block in blocks if len(block.sites)} - {
        None
    }
    if not closed:
        return
    if "must_pass" not in closed:
        raise Impossible(
            "avoid: every way from the point to the supplied grid leads through these areas: draw them "
            "smaller, or leave one out"
        )
    routes = [one for block in blocks for one in block.routes]
    passed = 0
    for one in routes:
        passed |= one.passed
    reach = max(one.joints.reach for one in routes)
    missed = [k for k in range(routes[0].ground.areas.count) if not passed >> k & 1]
    if missed:
        raise Impossible(
            f"must_pass[{missed[0]}]: no way along open corridors leads from the point into this area within "
            f"{reach:,.0f} m: draw it over a corridor, raise rules.limits.reach_m, or leave it out"
        )
    raise Impossible(
        f"must_pass: no way that passes all of these areas comes to a place of the supplied grid within "
        f"{reach:,.0f} m: raise rules.limits.reach_m, or leave one out"
    )


def _positions(area: Mapping[str, Any]) -> int:
    polygons = area["coordinates"] if area["type"] == "MultiPolygon" else [area["coordinates"]]
    return sum(len(ring) for rings in polygons for ring in rings)
