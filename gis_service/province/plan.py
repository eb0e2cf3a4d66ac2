"""The plan of a province: counties, substations' areas, and how many customers each gets.

Small, and all that is needed to make any one county: an area's content follows from the plan and the area's
own stream of random numbers, never from what was made before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely

from gis_service.errors import InvalidInput
from gis_service.province.kinds import KINDS, AreaKind
from gis_service.province.plane import Plane
from gis_service.province.shapes import GUANGXI_COUNTIES, County, Shapes, guangxi, squares
from gis_service.province.siting import Cell, Site, cell_at, choose_sites, portions

MOST_AREAS = 9_999
MOST_CUSTOMERS = MOST_AREAS * max(kind.most for kind in KINDS)
_MARGIN_M = 700.0
"""How far an area's bends may carry something over its edge."""


@dataclass(frozen=True)
class Area:
    """A substation and everything it normally supplies.

    `number` is its place in the plan and part of every id in it; `counties` are those it may have elements
    in, `county` the one its substation stands in.
    """

    number: int
    site: Site
    counties: tuple[int, ...]

    @property
    def kind(self) -> AreaKind:
        """What is usual there."""
        return self.site.kind

    @property
    def county(self) -> int:
        """The county of its middle."""
        return self.site.county

    @property
    def customers(self) -> int:
        """How many it has."""
        return self.site.customers


@dataclass(frozen=True)
class Plan:
    """A province to be made; `areas` are in the order of their numbers, counties in that of their codes."""

    customers: int
    seed: int
    shapes: Shapes
    plane: Plane
    counties: tuple[County, ...]
    areas: tuple[Area, ...]

    def stream(self, area: Area) -> np.random.Generator:
        """The area's own random numbers."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(1, area.number)))

    def areas_of(self, county: int) -> list[Area]:
        """Areas that may have elements in a county."""
        return self._by_county[county]

    def area_at(self, x: float, y: float) -> Area | None:
        """The area around a point of the plane."""
        return self._by_cell.get(cell_at(x, y))

    @cached_property
    def _by_county(self) -> list[list[Area]]:
        found: list[list[Area]] = [[] for _ in self.counties]
        for area in self.areas:
            for county in area.counties:
                found[county].append(area)
        return found

    @cached_property
    def _by_cell(self) -> dict[Cell, Area]:
        return {cell: area for area in self.areas for cell in area.site.cells()}

    def locate(self, area: Area, lonlat: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
        """The county each place of an area lies in; the area's own where it lies in none, or on a border."""
        if len(area.counties) == 1:
            return np.full(len(lonlat), area.county, np.int16)
        found = np.full(len(lonlat), area.county, np.int16)
        free = np.ones(len(lonlat), np.bool_)
        first = [area.county, *(county for county in area.counties if county != area.county)]
        for county in first:
            outline = self.counties[county].outline
            shapely.prepare(outline)
            rows = np.flatnonzero(free)
            inside = rows[shapely.intersects_xy(outline, lonlat[rows])]
            found[inside] = county
            free[inside] = False
        return found


def plan_province(*, counties: int, customers: int, seed: int, shapes: Shapes | None = None) -> Plan:
    """Plan a province.

    Parameters
    ----------
    counties, customers
        How many of each; every county has at least one customer.
    seed
        The same numbers give the same province, to the last bit.
    shapes
        `guangxi`, its first counties in the order of their codes; `squares`; None: Guangxi as far as it goes.

    Raises
    ------
    InvalidInput
        For numbers that make no province.
    NotReady
        When Guangxi's outlines are not installed.
    """
    if counties < 1:
        raise InvalidInput(f"a province has at least one county, not {counties}")
    if customers < 1:
        raise InvalidInput(f"a province has at least one customer, not {customers}")
    if counties > customers:
        raise InvalidInput(f"{counties:,} counties need at least as many customers, not {customers:,}")
    if seed < 0:
        raise InvalidInput(f"the seed is a whole number from 0, not {seed}")
    if shapes == "guangxi" and counties > GUANGXI_COUNTIES:
        raise InvalidInput(
            f"Guangxi has {GUANGXI_COUNTIES} counties, not {counties:,}: say --shapes squares for more"
        )
    real = shapes == "guangxi" or (shapes is None and counties <= GUANGXI_COUNTIES)
    if not real and customers > MOST_CUSTOMERS:
        raise InvalidInput(
            f"{customers:,} customers need more than the {MOST_AREAS:,} substations there are numbers for: "
            f"take {MOST_CUSTOMERS:,} at most"
        )
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    phases = tuple(stream.random(6).tolist())
    plane = Plane(108.25, 23.7, phases) if real else Plane(110.0, 30.0, phases)
    chosen = guangxi(counties) if real else squares(counties, customers, plane)
    sites = choose_sites(chosen, _shared(chosen, customers, stream), plane)
    if len(sites) > MOST_AREAS:
        raise InvalidInput(
            f"{customers:,} customers need {len(sites):,} substations, and there are numbers for "
            f"{MOST_AREAS:,}: take fewer customers"
        )
    outlines = shapely.STRtree([county.outline for county in chosen])
    areas = [Area(number, site, _counties_around(site, outlines, plane)) for number, site in enumerate(sites)]
    kind: Shapes = "guangxi" if real else "squares"
    return Plan(customers, seed, kind, plane, tuple(chosen), tuple(areas))


def _shared(counties: list[County], customers: int, stream: np.random.Generator) -> list[int]:
    """Customers of each county: more in large ones, by the root of the area, and by chance."""
    size = np.sqrt(np.array([county.outline.area for county in counties]))
    weight = np.rint(size * (0.5 + stream.random(len(counties))) * 1e6).astype(np.int64)
    shared: list[int] = (1 + portions(customers - len(counties), weight)).tolist()
    return shared


def _counties_around(site: Site, outlines: shapely.STRtree, plane: Plane) -> tuple[int, ...]:
    """Counties that the area may reach into; its own alone where its whole surroundings are inside."""
    x, y = site.centre
    half = site.kind.side_m / 2.0 + _MARGIN_M
    ring = np.array([[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]])
    around = shapely.Polygon(plane.laid(ring))
    near = sorted(outlines.query(around, predicate="intersects").tolist())
    if site.county not in near:
        near = sorted([*near, site.county])
    return tuple(near)
