"""The three kinds of area that a substation supplies, and what is usual in each.

Knows sizes and habits only; docs/province.md says where they come from. All lengths in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

CELL_M = 4000.0
"""Side of the cells out of which areas are made."""

COLUMNS = 6
"""Most trunk streets on each side of a substation; a feeder each."""


@dataclass(frozen=True, slots=True)
class AreaKind:
    """What one kind of area is like.

    cells : its side, in cells
    rows : streets that cross a trunk, on each side of the substation
    slots : places for a transformer along such a street, on each side of the trunk
    customers : of a public transformer, on average
    per_building : customers of a building, on average
    per_pole : buildings that are served from one pole or cabinet
    span_m : from one pole or cabinet to the next
    usual : customers of the whole area that are aimed at
    cabled : cables and ring main units rather than overhead lines and sectionalizers
    """

    name: str
    cells: int
    rows: int
    slots: int
    customers: int
    per_building: float
    per_pole: int
    span_m: float
    usual: int
    cabled: bool

    @property
    def side_m(self) -> float:
        """Side of the square area."""
        return self.cells * CELL_M

    @property
    def row_m(self) -> float:
        """From one cross street to the next."""
        return self.side_m / 2.0 / self.rows

    @property
    def column_m(self) -> float:
        """From one trunk street to the next."""
        return self.side_m / COLUMNS

    @property
    def slots_of_feeder(self) -> int:
        """Places for a transformer along one feeder."""
        return self.rows * 2 * self.slots

    @property
    def most(self) -> int:
        """Customers that a whole area has room for."""
        return int(2 * COLUMNS * self.slots_of_feeder * 0.95 * (0.9 * self.customers))


RURAL = AreaKind("rural", 4, 7, 2, 60, 1.45, 3, 45.0, 14_000, cabled=False)
TOWN = AreaKind("town", 2, 6, 2, 85, 2.5, 3, 38.0, 17_000, cabled=False)
URBAN = AreaKind("urban", 1, 9, 1, 150, 10.0, 2, 35.0, 22_500, cabled=True)
KINDS: tuple[AreaKind, ...] = (URBAN, TOWN, RURAL)

URBAN_SHARE = 0.30
TOWN_SHARE = 0.25
DEDICATED_SHARE = 0.10
"""Share of transformers that belong to one customer or a few: factories, farms, offices."""
