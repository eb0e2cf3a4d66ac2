"""Where substations go: squares of cells in each county, around its seat, none over another.

Knows counties, cells and how many customers there are; nothing of networks. Cells lie on one lattice over the
province, so areas of different sizes fit together, and an area may well reach over a county's border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.errors import InvalidInput
from gis_service.province.kinds import CELL_M, KINDS, RURAL, TOWN, TOWN_SHARE, URBAN, URBAN_SHARE, AreaKind
from gis_service.province.plane import Plane
from gis_service.province.shapes import County

Ints = npt.NDArray[np.int64]
Cell = tuple[int, int]

_SMALL_CELLS = 32
"""Counties with fewer cells choose their places before the others, whose areas would cover them."""
_WORTH_ONE = 0.12
"""A city or town of this part of its usual size is worth a substation."""
_SHIFT_M = (1_300.0, 2_700.0)
"""The lattice does not lie on the borders of square counties."""


@dataclass(frozen=True, slots=True)
class Site:
    """A square of cells for one substation: `column`, `row` of its south-west cell."""

    county: int
    kind: AreaKind
    column: int
    row: int
    customers: int

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle on the plane, in metres."""
        half = self.kind.cells / 2.0
        return corner(self.column + half, self.row + half)

    def cells(self) -> list[Cell]:
        """Its cells."""
        return _square(self.column, self.row, self.kind.cells)


def corner(column: float, row: float) -> tuple[float, float]:
    """The south-west corner of a cell on the plane, in metres."""
    return column * CELL_M + _SHIFT_M[0], row * CELL_M + _SHIFT_M[1]


def cell_at(x: float, y: float) -> Cell:
    """The cell that a point of the plane lies in."""
    return int((x - _SHIFT_M[0]) // CELL_M), int((y - _SHIFT_M[1]) // CELL_M)


def choose_sites(counties: Sequence[County], customers: Sequence[int], plane: Plane) -> list[Site]:
    """Sites for the customers of every county, by county, then from city to country, then by place.

    Cities first, at the seat of their county; then towns, then the country. What does not find room as one
    kind becomes another.

    Raises
    ------
    InvalidInput
        For a county that has no room for its customers.
    """
    ground = _Ground(counties, plane)
    wants = [_Want(number) for number in customers]
    small = [county for county in range(len(counties)) if ground.cells_of(county) < _SMALL_CELLS]
    large = [county for county in range(len(counties)) if ground.cells_of(county) >= _SMALL_CELLS]
    for together in (*([county] for county in small), large):
        for kind in KINDS:
            for county in together:
                wants[county].place(kind, county, ground)
        for county in together:
            for kind in (RURAL, TOWN, URBAN):
                wants[county].place_rest(kind, county, ground)
    for want, county_of_want in zip(wants, counties, strict=True):
        want.settle(county_of_want)
    order = {kind.name: place for place, kind in enumerate(KINDS)}
    return sorted(
        (
            Site(county, kind, column, row, number)
            for county, want in enumerate(wants)
            for kind, column, row, number in want.shared()
        ),
        key=lambda site: (site.county, order[site.kind.name], site.row, site.column),
    )


@dataclass
class _Want:
    """What one county wants: its customers, and the places it has got, each with what is wanted there."""

    customers: int
    got: list[tuple[AreaKind, int, int]] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)

    def place(self, kind: AreaKind, county: int, ground: _Ground) -> None:
        """Take places for the kind's share of the customers; the country has what cities and towns leave."""
        if kind is RURAL:
            share = max(0, self.customers - sum(self.wanted))
            number = -(-share // kind.usual)
        else:
            share = int(self.customers * (URBAN_SHARE if kind is URBAN else TOWN_SHARE))
            number = int(share / kind.usual + 0.5) or int(share > kind.usual * _WORTH_ONE)
        self._take(kind, county, ground, share, number)

    def place_rest(self, kind: AreaKind, county: int, ground: _Ground) -> None:
        """Take places of this kind for those who have none yet."""
        rest = self.customers - sum(self.wanted)
        self._take(kind, county, ground, rest, -(-rest // kind.usual))

    def _take(self, kind: AreaKind, county: int, ground: _Ground, share: int, number: int) -> None:
        if number < 1:
            return
        for cell in ground.take(kind, county, number):
            self.got.append((kind, *cell))
            self.wanted.append(min(kind.usual, -(-share // number)))

    def settle(self, county: County) -> None:
        """Refuse what has no room."""
        room = sum(kind.most for kind, _, _ in self.got)
        if self.customers > room:
            raise InvalidInput(
                f"county {county.code} {county.name} has room for {room:,} customers and would get "
                f"{self.customers:,}: take more counties, fewer customers, or --shapes squares"
            )

    def shared(self) -> list[tuple[AreaKind, int, int, int]]:
        """The places with their customers: as wanted, or all a little fuller."""
        wanted = np.array(self.wanted, np.int64)
        most = np.array([kind.most for kind, _, _ in self.got], np.int64)
        total = int(wanted.sum())
        numbers = (
            portions(self.customers, wanted)
            if self.customers <= total
            else wanted + portions(self.customers - total, most - wanted)
        )
        return [(*one, number) for one, number in zip(self.got, numbers.tolist(), strict=True) if number]


def portions(total: int, weights: Ints) -> Ints:
    """`total` in whole portions after integer weights: they add up to it, and none is above its share + 1."""
    upto = np.concatenate([[0], np.cumsum(weights)])
    return np.diff(total * upto // max(1, int(upto[-1])))


class _Ground:
    """Which cells lie where, and which of them are taken."""

    def __init__(self, counties: Sequence[County], plane: Plane) -> None:
        self._counties = counties
        outlines = np.array([county.outline for county in counties], object)
        shapely.prepare(outlines)
        west, south, east, north = shapely.total_bounds(outlines)
        ring = np.array([[x, y] for x in (west, east) for y in (south, north, (south + north) / 2.0)])
        reach = plane.metres(ring)
        self._first = cell_at(float(reach[:, 0].min()), float(reach[:, 1].min()))
        last = cell_at(float(reach[:, 0].max()), float(reach[:, 1].max()))
        self._columns = last[0] - self._first[0] + 1
        self._rows = last[1] - self._first[1] + 1
        tree = shapely.STRtree(outlines)
        self._corner_county = self._owners(tree, plane, 0.0, self._columns + 1, self._rows + 1)
        self._middle_county = self._owners(tree, plane, 0.5, self._columns, self._rows)
        self._cells = np.bincount(self._middle_county[self._middle_county >= 0], minlength=len(counties))
        self._taken: set[Cell] = set()
        self._seats: dict[int, tuple[float, float]] = {}

    def _owners(self, tree: shapely.STRtree, plane: Plane, offset: float, columns: int, rows: int) -> Ints:
        """The county of each lattice point, int64 `(columns, rows)`; -1 outside."""
        column, row = np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij")
        xy = np.column_stack([column.ravel(), row.ravel()]).astype(np.float64) + offset
        xy += np.array(self._first, np.float64)
        places = plane.lonlat(xy * CELL_M + np.array(_SHIFT_M))
        point, county = tree.query(shapely.points(places), predicate="intersects")
        owner = np.full(len(xy), -1, np.int64)
        owner[point[::-1]] = county[::-1]  # the first county, where a point lies on a border
        return owner.reshape(columns, rows)

    def cells_of(self, county: int) -> int:
        """Cells with their middle in a county."""
        return int(self._cells[county])

    def seat(self, county: int) -> tuple[float, float]:
        """The middle of a county, in cells."""
        if county not in self._seats:
            column, row = np.nonzero(self._middle_county == county)
            if column.size:
                self._seats[county] = float(np.rint(column.mean())), float(np.rint(row.mean()))
            else:
                self._seats[county] = 0.0, 0.0
        return self._seats[county]

    def take(self, kind: AreaKind, county: int, number: int) -> list[Cell]:
        """Free squares with their middle in the county: least outside the province, nearest to the seat."""
        size = kind.cells
        first_column = -(-self._first[0] // size) * size
        first_row = -(-self._first[1] // size) * size
        found: list[tuple[int, float, int, int]] = []
        at_column, at_row = self.seat(county)
        for column in range(first_column, self._first[0] + self._columns - size + 1, size):
            for row in range(first_row, self._first[1] + self._rows - size + 1, size):
                k, m = column - self._first[0], row - self._first[1]
                owners = self._corner_county if size > 1 else self._middle_county
                half = size // 2
                if owners[k + half, m + half] != county:
                    continue
                if any(cell in self._taken for cell in _square(column, row, size)):
                    continue
                outside = int((self._corner_county[k : k + size + 1, m : m + size + 1] < 0).sum())
                far = (k + size / 2.0 - at_column - 0.5) ** 2 + (m + size / 2.0 - at_row - 0.5) ** 2
                found.append((outside, far, column, row))
        chosen = [(column, row) for _, _, column, row in sorted(found)[:number]]
        for column, row in chosen:
            self._taken.update(_square(column, row, size))
        return chosen


def _square(column: int, row: int, size: int) -> list[Cell]:
    return [(column + k, row + m) for k in range(size) for m in range(size)]
