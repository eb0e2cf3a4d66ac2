"""The streets of an area, as corridors: the main road, the trunk streets, the cross streets.

Every trunk and lateral lies along one of them; they also run on where no line does, so the way around is
known. The streets of the low voltage are made with it.
"""

from __future__ import annotations

from gis_service.province.drawing import Point, Streets
from gis_service.province.feeders import slot_x, tie_row
from gis_service.province.kinds import AreaKind
from gis_service.province.layout import Layout

STREET, POLE_LINE, DUCT, CROSSING = range(4)
CORRIDOR_KINDS = ("street", "pole_line", "duct", "crossing")


def draw_streets(shape: Layout, kind: AreaKind, x: float, y: float) -> Streets:
    """The corridors above low voltage; the first vertices are the ends of the trunks."""
    streets = Streets()
    for trunk in shape.trunks:
        streets.vertex(*trunk.end(kind))
    along = DUCT if kind.cabled else POLE_LINE
    across = DUCT if kind.cabled else STREET
    columns = sorted({trunk.x for trunk in shape.trunks} | {x})
    streets.along([(column, y) for column in columns], DUCT)
    for up in (1, -1):
        trunks = [trunk for trunk in shape.trunks if trunk.up == up]
        for trunk in trunks:
            beside = shape.beside(trunk)
            tied = tie_row(trunk) if not kind.cabled else None
            points: list[Point] = [(trunk.x, y)]
            for row in range(trunk.rows):
                if row == tied:
                    points.append((trunk.x, trunk.at_row(row - 0.5, kind)))
                points.append((trunk.x, trunk.at_row(row, kind)))
            streets.along(points, along)
            for row in range(trunk.rows):
                xs = [trunk.x - kind.column_m / 2.0]
                for side in (-1, 1):
                    xs += [slot_x(trunk, kind, side, place) for place in range(kind.slots)]
                xs += [trunk.x, trunk.x + kind.column_m / 2.0]
                streets.along([(at, trunk.at_row(row, kind)) for at in sorted(xs)], across)
            if tied is not None and beside is not None and tie_row(beside) == tied:
                between = trunk.at_row(tied - 0.5, kind)
                streets.along([(trunk.x, between), (beside.x, between)], along)
    return streets
