"""How an area is laid out: how many feeders, along which streets, how far, with how many transformers.

Follows from the area's kind and its customers alone, without chance, so that a neighbour can know where a
trunk ends without making the area.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.province.kinds import COLUMNS, DEDICATED_SHARE, AreaKind
from gis_service.province.plan import Area
from gis_service.province.siting import portions

_FILLED = 0.88
"""Part of the places for transformers that is used."""
_FEW_DISTRICTS = 12
_ONE_FEEDER = 16


@dataclass(frozen=True, slots=True)
class Trunk:
    """The trunk of one feeder: straight along a street, away from the substation's main road.

    number : the feeder's number in its area; also the number of the node at the trunk's end
    up : 1 to the north, -1 to the south
    column : which street from the west
    x, y : where it leaves the main road, on the plane
    rows : cross streets that it reaches
    districts : transformers along it
    """

    number: int
    up: int
    column: int
    x: float
    y: float
    rows: int
    districts: int

    def at_row(self, row: float, kind: AreaKind) -> float:
        """The y of a cross street; halves lie between streets."""
        return self.y + self.up * (row + 0.5) * kind.row_m

    def end(self, kind: AreaKind) -> tuple[float, float]:
        """Where it ends."""
        return self.x, self.at_row(self.rows - 1, kind)

    def complete(self, kind: AreaKind) -> bool:
        """Whether it goes to the edge of its area, where it may meet a neighbour's."""
        return self.rows == kind.rows


@dataclass(frozen=True, slots=True)
class Layout:
    """The trunks of an area, by number, and its transformers: all of them, and those of single customers."""

    trunks: tuple[Trunk, ...]
    districts: int
    dedicated: int

    def beside(self, trunk: Trunk) -> Trunk | None:
        """The trunk one street further east, on the same side."""
        number = trunk.number + 2
        return self.trunks[number] if number < len(self.trunks) else None


def layout(area: Area) -> Layout:
    """The layout of an area: trunks alternate between north and south, from west to east."""
    kind, (x, y) = area.kind, area.site.centre
    if area.customers < _FEW_DISTRICTS * kind.customers:
        districts, dedicated = max(1, round(area.customers / kind.customers)), 0
    else:
        districts = round(area.customers / (0.9 * kind.customers + 0.2))
        dedicated = round(DEDICATED_SHARE * districts)
    least = 1 if districts < _ONE_FEEDER else 2
    feeders = min(2 * COLUMNS, max(least, int(np.ceil(districts / (kind.slots_of_feeder * _FILLED)))))
    columns = (feeders + 1) // 2
    each = portions(districts, np.ones(feeders, np.int64)).tolist()
    trunks = []
    for number, there in enumerate(each):
        rows = int(np.ceil(there / (2 * kind.slots * _FILLED)))
        trunks.append(
            Trunk(
                number=number,
                up=1 if number % 2 == 0 else -1,
                column=number // 2,
                x=x + (number // 2 - (columns - 1) / 2.0) * kind.column_m,
                y=y,
                rows=min(kind.rows, max(1, rows)),
                districts=there,
            )
        )
    return Layout(tuple(trunks), districts, dedicated)
