"""One area made whole: drawn, filled with districts and customers, laid on the earth, cut by county.

Joins what the other modules make into numbered rows. Nothing depends on any other area, but for the place and
the county of the trunk ends that ties lead to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gis_service.province import equipment as eq
from gis_service.province.customers import Customers, Ratings, make_customers, rate_transformers
from gis_service.province.districts import Districts, choose_dedicated, make_districts
from gis_service.province.drawing import Drawing, Foreign, Streets
from gis_service.province.feeders import Feeder, draw_feeder
from gis_service.province.layout import Layout, layout
from gis_service.province.made import Lines, MadeArea, Named, Numbers
from gis_service.province.outline import octagons
from gis_service.province.plan import Area, Plan
from gis_service.province.plane import Ints, lengths_m
from gis_service.province.streets import CROSSING, DUCT, STREET, draw_streets
from gis_service.province.substation import BREAKER, Yard, draw_substation
from gis_service.province.ties import second_supplies, tie_areas, tie_streets
from gis_service.province.winding import wound

_CROSSING = 0.02
"""Part of the main streets' corridors that cross a river or a railway."""


def make_area(plan: Plan, area: Area) -> MadeArea:
    """Make an area: some milliseconds for each thousand customers."""
    stream = plan.stream(area)
    kind, (x, y) = area.kind, area.site.centre
    shape = layout(area)
    pen = Drawing()
    pen.reserve([trunk.end(kind) for trunk in shape.trunks])
    yard = draw_substation(pen, shape, x, y, stream)
    feeders = [draw_feeder(pen, trunk, kind, yard, stream) for trunk in shape.trunks]
    tie_streets(pen, shape, feeders, kind, stream)
    streets = draw_streets(shape, kind, x, y)
    tie_areas(pen, streets, plan, area, shape, stream)
    dedicated = choose_dedicated(pen.slots, shape.dedicated, stream)
    dual = second_supplies(pen, shape, feeders, kind, dedicated, stream)
    high = np.array([slot.node for slot in pen.slots])
    places = np.array(pen.node_xy)
    districts = make_districts(pen.slots, places[high], area.customers, dedicated, kind, stream)
    customers = make_customers(districts, dual, kind, stream)
    ratings = rate_transformers(districts, customers, len(yard.transformers), stream)
    return _Joined(
        plan, area, shape, pen, streets, feeders, yard, high, districts, customers, ratings, stream
    ).made()


@dataclass
class _Joined:
    """The parts of an area, joined: nodes in the order drawn, low sides, boards, poles, buildings."""

    plan: Plan
    area: Area
    layout: Layout
    pen: Drawing
    streets: Streets
    feeders: list[Feeder]
    yard: Yard
    high: Ints
    districts: Districts
    customers: Customers
    ratings: Ratings
    stream: np.random.Generator

    def made(self) -> MadeArea:
        pen, low = self.pen, self.districts
        n, drawn = low.customers.size, len(pen.node_xy)
        self.low_side = drawn + np.arange(n)
        self.board = self.low_side + n
        self.pole = drawn + 2 * n + np.arange(low.pole_district.size)
        self.building = int(self.pole[-1]) + 1 + np.arange(low.building_district.size)
        node_xy = np.concatenate(
            [np.array(pen.node_xy), low.transformer_xy, low.board_xy, low.pole_xy, low.building_xy]
        )
        self.node_lonlat = self.plan.plane.lonlat(node_xy)
        self.node_county = self.plan.locate(self.area, self.node_lonlat)
        rows = {
            "connectivity_node": self._nodes(drawn),
            "substation": self._substation(),
            "energy_source": self._source(),
            "switch": self._switches(),
            "power_transformer": self._transformers(),
            "customer_point": self._customers(),
        }
        rows["line_section"], lines = self._lines()
        rows["corridor"], corridors = self._corridors()
        rows["transformer_district"] = self._districts()
        return MadeArea(
            area=self.area,
            layout=self.layout,
            yard=self.yard,
            nodes=self._named(self.node_county, pen.foreign),
            vertices=self._named(np.zeros(self.n_vertices, np.int16), self.streets.foreign),
            rows=rows,
            lines=lines,
            corridors=corridors,
            twins=sum(feeder.twin for feeder in self.feeders),
            meshes=len(self.districts.mesh),
        )

    def _named(self, county: npt.NDArray[np.int16], foreign: Sequence[Foreign]) -> Named:
        own = county.size
        return Named(
            np.concatenate([county, np.array([one.county for one in foreign], np.int16)]),
            np.concatenate(
                [
                    np.full(own, self.area.number, np.int32),
                    np.array([one.area for one in foreign], np.int32),
                ]
            ),
            np.concatenate(
                [np.arange(own, dtype=np.int32), np.array([one.number for one in foreign], np.int32)]
            ),
        )

    def _nodes(self, drawn: int) -> dict[str, Numbers]:
        n = len(self.node_lonlat)
        kv = np.full(n, eq.LOW_KV)
        kv[:drawn] = self.pen.node_kv
        inside = np.zeros(n, np.bool_)
        inside[:drawn] = self.pen.node_in_substation
        return {"county": self.node_county, "xy": self.node_lonlat, "kv": kv, "in_substation": inside}

    def _substation(self) -> dict[str, Numbers]:
        xy = self.plan.plane.lonlat(np.array([self.area.site.centre]))
        return {"county": self.node_county[[self.yard.source]], "xy": xy, "kv": np.array([eq.HIGH_KV])}

    def _source(self) -> dict[str, Numbers]:
        at = [self.yard.source]
        return {
            "county": self.node_county[at],
            "xy": self.node_lonlat[at],
            "node": np.array(at),
            "voltage_pu": np.array([1.0 + round(float(self.stream.random()), 2) / 50.0]),
        }

    def _switches(self) -> dict[str, Numbers]:
        pen, n = self.pen, self.low_side.size
        ends = np.concatenate([np.array(pen.switch_ends), np.column_stack([self.low_side, self.board])])
        size = np.array([250.0, 400.0, 630.0, 1000.0, 1600.0, 2500.0, 4000.0])
        rated = eq.next_size(self.ratings.kva / (1.7320508 * eq.LOW_KV), size)
        own = ends[:, 0]
        return {
            "county": self.node_county[own],
            "xy": self.node_lonlat[own],
            "from": own,
            "to": ends[:, 1],
            "kind": np.concatenate([np.array(pen.switch_kind), np.full(n, BREAKER)]),
            "phases": np.concatenate([np.array(pen.switch_phases, np.uint8), self.districts.phases]),
            "normal_open": np.concatenate([np.array(pen.switch_open, np.bool_), np.zeros(n, np.bool_)]),
            "rated": np.concatenate([np.array(pen.switch_rated), rated]),
            "remote": np.concatenate([np.array(pen.switch_remote, np.bool_), np.zeros(n, np.bool_)]),
            "head_of": np.concatenate([np.array(pen.switch_feeder), np.full(n, -1)]),
        }

    def _transformers(self) -> dict[str, Numbers]:
        power = np.array(self.yard.transformers)
        kva = np.concatenate([np.full(len(power), self.ratings.power_kva), self.ratings.kva])
        own = np.concatenate([power[:, 0], self.high])
        uk = np.where(self.ratings.power_kva > 10_000.0, 14.0, 10.5)
        return {
            "county": self.node_county[own],
            "xy": self.node_lonlat[own],
            "from": own,
            "to": np.concatenate([power[:, 1], self.low_side]),
            "phases": np.concatenate([np.full(len(power), 7, np.uint8), self.districts.phases]),
            "kva": kva,
            "uk": np.concatenate([np.full(len(power), uk), self.ratings.uk_percent]),
            "pk": np.concatenate(
                [np.full(len(power), np.rint(self.ratings.power_kva * 0.035) / 10.0), self.ratings.pk_kw]
            ),
        }

    def _customers(self) -> dict[str, Numbers]:
        low, who = self.districts, self.customers
        xy = self.plan.plane.lonlat(low.customer_xy)
        return {
            "county": self.plan.locate(self.area, xy),
            "xy": xy,
            "node": self.building[low.customer_building],
            "district": low.customer_district,
            "phases": who.phases,
            "class": who.kind,
            "grade": who.grade,
            "kva": who.contracted_kva,
        }

    def _districts(self) -> dict[str, Numbers]:
        low = self.districts
        n = low.customers.size
        return {
            "county": self.node_county[self.high],
            "ring": octagons(
                n,
                (np.arange(n), self.node_lonlat[self.high]),
                (low.pole_district, self.node_lonlat[self.pole]),
                (low.building_district, self.node_lonlat[self.building]),
            ),
            "transformer": len(self.yard.transformers) + np.arange(n),
            "dedicated": low.dedicated,
            "customers": low.customers,
            "feeder": low.feeder,
        }

    def _lines(self) -> tuple[dict[str, Numbers], Lines]:
        pen, low, cabled = self.pen, self.districts, self.area.kind.cabled
        parent = np.where(low.parent < 0, self.board[low.pole_district], self.pole[0] + low.parent)
        street_from = np.concatenate([parent, self.pole[0] + low.mesh[:, 0]])
        street_to = np.concatenate([self.pole, self.pole[0] + low.mesh[:, 1]])
        street_district = np.concatenate([low.pole_district, low.pole_district[low.mesh[:, 0]]])
        ends = np.concatenate(
            [
                np.array(pen.line_ends),
                np.column_stack([street_from, street_to]),
                np.column_stack([self.pole[low.building_pole], self.building]),
            ]
        )
        first = len(pen.line_ends)
        conductor = np.concatenate(
            [
                np.array(pen.line_conductor),
                np.full(street_to.size, eq.STREET_CABLE if cabled else eq.STREET_OVERHEAD),
                np.full(self.building.size, eq.SERVICE_CABLE if cabled else eq.SERVICE),
            ]
        )
        drawn = wound(pen.line_path, self.plan.plane)
        straight = self.node_lonlat[ends[first:].ravel()]
        coords = np.concatenate([drawn[0], straight])
        offsets = np.concatenate([drawn[1], drawn[1][-1] + 2 * np.arange(1, len(ends) - first + 1)])
        length = np.maximum(0.5, np.rint(lengths_m(coords, offsets) * 10.0) / 10.0)
        county = self.node_county[ends[:, 0]]
        rows: dict[str, Numbers] = {
            "county": county,
            "from": ends[:, 0],
            "to": ends[:, 1],
            "phases": np.concatenate(
                [
                    np.array(pen.line_phases, np.uint8),
                    low.phases[street_district],
                    low.phases[low.building_district],
                ]
            ),
            "kv": np.concatenate([np.array(pen.line_kv), np.full(len(ends) - first, eq.LOW_KV)]),
            "conductor": conductor,
            "feeder": np.concatenate(
                [
                    np.array(pen.line_feeder),
                    low.feeder[street_district],
                    low.feeder[low.building_district],
                ]
            ),
        }
        return rows, Lines(coords, offsets, length)

    def _corridors(self) -> tuple[dict[str, Numbers], Lines]:
        streets, low = self.streets, self.districts
        drawn = len(streets.vertex_xy)
        self.n_vertices = drawn + self.pole.size
        at_slot = np.array([streets.vertex(slot.x, slot.y) for slot in self.pen.slots])
        assert len(streets.vertex_xy) == drawn, "every transformer stands on a street"
        start = np.where(low.parent < 0, at_slot[low.pole_district], drawn + low.parent)
        ends = np.concatenate(
            [np.array(streets.ends), np.column_stack([start, drawn + np.arange(start.size)])]
        )
        kind = np.array(streets.kind)
        kind[self.stream.random(kind.size) < _CROSSING] = CROSSING
        whole = np.concatenate([kind, np.full(start.size, STREET)])
        laid = wound(streets.path, self.plan.plane)
        slot_lonlat = self.plan.plane.lonlat(np.array([(slot.x, slot.y) for slot in self.pen.slots]))
        pole_lonlat = self.node_lonlat[self.pole]
        begin = np.where(
            (low.parent < 0)[:, None], slot_lonlat[low.pole_district], pole_lonlat[np.maximum(low.parent, 0)]
        )
        straight = np.stack([begin, pole_lonlat], axis=1).reshape(-1, 2)
        coords = np.concatenate([laid[0], straight])
        offsets = np.concatenate([laid[1], laid[1][-1] + 2 * np.arange(1, start.size + 1)])
        free = np.where(whole == DUCT, (self.stream.random(whole.size) * 7.0).astype(np.int64), -1)
        rows: dict[str, Numbers] = {
            "county": self.plan.locate(self.area, coords[offsets[:-1]]),
            "from": ends[:, 0],
            "to": ends[:, 1],
            "kind": whole,
            "ducts_free": free,
        }
        return rows, Lines(coords, offsets, np.zeros(0))
