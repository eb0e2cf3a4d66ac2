"""Questions to the engine about any grid: every address, with every field, value and form of answer it has.

Chosen from the tables of the grid by a seed, small grids wholly. What must be among them is not known here
but read from the description of the interface (`tests.cluster.interface`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

from gis_service.network.tables import Lines
from layers.source import Box
from tests.cluster.asking import COLLECTIONS, JSON, Question, get, post
from tests.cluster.corpus import Grid
from tests.cluster.map_questions import map_questions

GEOJSON, CSV, LINES = "application/geo+json", "text/csv", "application/x-ndjson"
TRACES = ("upstream", "downstream", "connected", "subnetwork", "shortest_path", "loops", "isolation")
LAYERS = ("substations", "nodes", "sources", "lines", "switches", "transformers", "districts", "customers")
LONG_AGO, SOON = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
NOBODY = "no such thing"
ONE_ELEMENT = ("/v1/elements/{id}", "/v1/headroom/{id}")
LONG_AGO_TIME = datetime.fromisoformat(LONG_AGO)


class Asker:
    """The questions about one grid.

    Parameters
    ----------
    moments
        Times at which something was operated; empty before that.
    many
        How many elements of each layer are asked about.
    """

    def __init__(self, grid: Grid, moments: list[datetime], *, many: int = 3, seed: int = 1) -> None:
        self.grid = grid
        self.moments = moments
        self._draw = random.Random(seed)
        self.ids = {name: self._some(getattr(grid.tables, name).id.tolist(), many) for name in LAYERS}
        self.crossing = self._some(grid.crossing(), many)
        self.elements = [
            *self.crossing,
            *(id for name in LAYERS if name not in ("substations", "districts") for id in self.ids[name]),
        ]
        self._worlds = cycle(list(self._contexts()))

    def all(self) -> Iterator[Question]:
        """Every question, in an order that stays."""
        yield from self.about_the_process()
        yield from self.traces()
        yield from self.outages()
        yield from self.supplies()
        yield from self.schemes()
        yield from self.reservations()
        yield from self.single_elements()
        yield from self.records()
        yield from self.layers()
        yield from self.maps()

    def about_the_process(self) -> Iterator[Question]:
        for route in ("/healthz", "/readyz", "/metrics", "/v1/docs", "/v1/openapi.json", "/v1/"):
            yield get(route, accept="*/*")

    def traces(self) -> Iterator[Question]:
        parts = cycle([["elements"], ["customers", "districts"], ["geometry"], [], ["elements", "customers"]])
        phases = cycle(["ABC", "A", "BC"])
        for number, start in enumerate(self.elements):
            for kind in TRACES if number < len(TRACES) else self._some(TRACES, 2):
                body: dict[str, Any] = {"type": kind, "from": [start], "result": next(parts)}
                if kind == "shortest_path":
                    body["to"] = self._some(self.ids["nodes"], 2)
                if number % 3 == 1:
                    body["barriers"] = self._some(self.ids["switches"] or self.ids["lines"], 2)
                    body["phases"] = next(phases)
                accept = GEOJSON if number % 4 == 3 else JSON
                yield post("/v1/trace", body | next(self._worlds), accept=accept)
        yield post("/v1/trace", {"type": "loops", "from": []})
        yield post("/v1/trace", {"type": "connected", "from": self.elements[:3]})

    def outages(self) -> Iterator[Question]:
        include = cycle([["customers", "districts", "elements", "geometry"], [], ["customers"], ["elements"]])
        forms = cycle([JSON, CSV, GEOJSON, LINES, JSON])
        route = "/v1/outage-impact"
        for id in [*self.elements, *self.ids["districts"]]:
            for way in ("out", "faults"):
                body = {way: [id], "include": next(include)} | next(self._worlds)
                yield post(route, body, accept=next(forms))
            yield post(route, {"out": [id]})
        for area in self.areas():
            yield post(
                route,
                {"area": area, "include": ["customers", "elements"]} | next(self._worlds),
                accept=next(forms),
            )
        cases: list[dict[str, Any]] = [{"out": [id]} for id in self.elements[:8]]
        cases += [{"faults": [id], "switching": self._switching()} for id in self.elements[-4:]]
        cases += [{"area": area} for area in self.areas()[:1] + self.areas()[-1:]]
        for accept in (JSON, CSV, LINES, GEOJSON):
            yield post(route, {"cases": cases, "include": next(include)} | next(self._worlds), accept=accept)

    def supplies(self) -> Iterator[Question]:
        for number, id in enumerate(self.ids["customers"]):
            accept = GEOJSON if number % 2 else JSON
            route = "/v1/supply-path/{customer_id}"
            yield get(route, accept=accept, customer_id=id)
            for query in self._queries():
                yield get(route, *query, customer_id=id)
            yield post(route, next(self._worlds), accept=accept, customer_id=id)
        feeders = [one for one in self.grid.tables.switches.feeder_id.tolist() if one]
        for id in [*self.ids["sources"], *self.ids["switches"], *self.ids["transformers"], *feeders[:3]]:
            yield post("/v1/supply-area", {"from": id} | next(self._worlds))
        yield post("/v1/supply-area", {"from": self.ids["switches"]})
        for number, id in enumerate([*self.crossing, *self.ids["switches"], *self.ids["transformers"]]):
            body = {"from": id, "mode": ("full", "trunk")[number % 2]} | next(self._worlds)
            yield post("/v1/supply-radius", body, accept=(JSON, JSON, GEOJSON)[number % 3])

    def single_elements(self) -> Iterator[Question]:
        for route in ONE_ELEMENT:
            for name in LAYERS:
                for id in self.ids[name]:
                    yield get(route, id=id)
            for query in self._queries():
                yield get(route, *query, id=self.elements[0])

    def records(self) -> Iterator[Question]:
        """The log and the interruptions: whole, by page, of a county, an element, a time."""
        times = [moment.isoformat() for moment in self.moments] or [LONG_AGO, SOON]
        for route, name, ids in (
            ("/v1/switch-operations", "switch", self.ids["switches"]),
            ("/v1/interruptions", "customer", self.ids["customers"]),
        ):
            yield get(route)
            yield get(route, ("limit", "3"))
            for county in self._some(self.grid.counties, 3):
                yield get(route, ("county", county), ("limit", "2"))
            for id in ids:
                yield get(route, (name, id))
            yield get(route, ("since", times[0]), ("until", times[-1]))
            yield get(route, ("until", times[len(times) // 2]), ("limit", "4"))
            yield get(route, ("county", NOBODY))
            yield get(route, ("after", "of-no-page"))

    def layers(self) -> Iterator[Question]:
        base = "/ogc/collections"
        yield get(base)
        yield get(base, ("f", "json"))
        yield get(base, accept="text/html")
        for route in ("/ogc", "/ogc/", "/ogc/conformance", "/ogc/api"):
            yield get(route)
            yield get(route, ("f", "html"))
        for layer in COLLECTIONS:
            yield get(f"{base}/{{collection}}", collection=layer)
            yield get(f"{base}/{{collection}}/queryables", collection=layer)
            items = f"{base}/{{collection}}/items"
            key = "code" if layer == "county" else "id"
            for condition in (
                f"{key} > '5'",
                f"{key} LIKE '%1%' AND NOT {key} IN ('a', 'b')",
                "S_INTERSECTS(geometry, BBOX(100, 20, 108.01, 22.81))",
            ):
                yield get(items, ("filter", condition), ("limit", "50"), collection=layer)
            for form in ("html", "csv", "fgb", "parquet"):
                yield get(items, ("f", form), ("limit", "5"), collection=layer)
            yield get(
                items, ("crs", "http://www.opengis.net/def/crs/EPSG/0/4326"), ("limit", "5"), collection=layer
            )
            yield get(items, collection=layer, accept=GEOJSON)
            for limit in ("1", "7", "1000000"):
                yield get(items, ("limit", limit), ("f", "geojson"), collection=layer)
            for box in self.boxes():
                yield get(items, ("bbox", box), ("limit", "40"), collection=layer)
            for id in self._some(self._ids_of(layer), 3):
                yield get(f"{items}/{{id}}", collection=layer, id=id)
            yield get(f"{items}/{{id}}", ("f", "json"), collection=layer, id=NOBODY)
            yield get(items, ("after", "of-no-page"), collection=layer)

    def maps(self) -> Iterator[Question]:
        west, south, east, north = self.grid.package["connectivity_node"].total_bounds.tolist()
        yield from map_questions(Box(west, south, east, north))

    def schemes(self) -> Iterator[Question]:
        places = self._some(self.grid.package["customer_point"].geometry.tolist(), 3)
        for place, independence in zip(places, cycle(("feeder", "busbar", "substation"))):
            point = [place.x + 0.0003, place.y + 0.0002]
            for kva in (10, 600):
                yield post(
                    "/v1/supply-schemes",
                    {
                        "point": point,
                        "kva": kva,
                        "k": 2,
                        "supplies": 1,
                        "phases": "ABC",
                        **next(self._worlds),
                    },
                )
            pair = {
                "supplies": 2,
                "independence": independence,
                "rules": {"limits": {"busbar_pu": 1.02}},
                "pareto": True,
            }
            yield post("/v1/supply-schemes", {"point": point, "kva": 400, **pair, **next(self._worlds)})
            apart = {"supplies": 2, "independence": independence, "disjoint": True}
            yield post("/v1/supply-schemes", {"point": point, "kva": 400, **apart, **next(self._worlds)})
            near, far = (_box(point, *where) for where in ((0.0005, 0.0001), (0.002, -0.001)))
            several = {"type": "MultiPolygon", "coordinates": [near["coordinates"]], "bbox": near["bbox"]}
            for avoid, must_pass in (
                ([near], []),
                ([], [far]),
                ([several], [far, several]),
                (self.areas()[-1:], [near]),
            ):
                areas = {"avoid": avoid, "must_pass": must_pass}
                yield post("/v1/supply-schemes", {"point": point, "kva": 10, **areas, **next(self._worlds)})

    def reservations(self) -> Iterator[Question]:
        """At the nodes of some customers; what such a load cannot join is refused, on both alike."""
        route, one = "/v1/reservations", "/v1/reservations/{id}"
        customers = self.grid.package["customer_point"].head(6)
        kinds = cycle(("node", "district", "bay", "line_tap"))
        conductors = cycle(("medium overhead 70", "low cable 150"))
        states, levels = cycle(("current", "normal")), cycle(("feeder", "busbar", "substation"))
        places = zip(customers["node_id"].tolist(), customers.geometry.tolist(), strict=True)
        for number, (at, place) in enumerate(places):
            point = [place.x + 0.0003, place.y + 0.0002]
            node = {"kind": "node", "id": at, "node_id": at}
            body = {
                "point": point,
                "kva": 10,
                "phases": "ABC",
                "supplies": 1,
                "independence": next(levels),
                "disjoint": False,
                "rules": {"limits": {"busbar_pu": 1.02}},
                "state": next(states),
                "operator": "planner",
                "reason": "a test",
                "idempotency_key": f"{self.grid.name}-{number}",
            }
            for conductor in ("medium overhead 70", "low cable 150"):
                chosen = [{"attach": node, "conductor": conductor}]
                key = f"{body['idempotency_key']}-{conductor}"
                yield post(route, body | {"chosen": chosen, "idempotency_key": key})
            other = {"kind": next(kinds), "id": self.elements[0]}
            other |= {"fraction": 0.5} if other["kind"] == "line_tap" else {}
            chosen = [{"attach": other, "conductor": next(conductors)}]
            yield post(route, body | {"chosen": chosen})
            yield post(route, body | {"chosen": chosen * 2, "supplies": 2, "disjoint": True})
            near, far = (_box(point, *where) for where in ((0.0005, 0.0001), (0.002, -0.001)))
            several = {"type": "MultiPolygon", "coordinates": [far["coordinates"]], "bbox": far["bbox"]}
            for areas in ({"avoid": [near, several]}, {"must_pass": [near, several]}):
                yield post(route, body | areas | {"chosen": chosen})
        for query in ((), (("limit", "2"),), (("state", "held"),), (("element", self.elements[0]),)):
            yield get(route, *query)
        for county in self.grid.counties[:2]:
            yield get(route, ("county", county), ("limit", "3"))
        yield get(one, id="1")
        settled = {"operator": "planner", "reason": "a test"}
        for what, id in (("built", "1"), ("withdraw", "1"), ("withdraw", "2"), ("built", "2")):
            yield post(f"{one}/{what}", settled, id=id)

    def wrong(self) -> Iterator[Question]:
        """Requests that are refused, for every address."""
        customer, element = self.ids["customers"][0], self.elements[0]
        posts = {
            "/v1/trace": {"type": "upstream", "from": [element]},
            "/v1/supply-area": {"from": self.ids["switches"][0]},
            "/v1/supply-radius": {"from": element},
            "/v1/outage-impact": {"out": [element]},
        }
        for route, body in posts.items():
            yield from self._wrong_posts(post(route, body))
            yield post(
                route, {name: NOBODY if name == "from" else [NOBODY] for name in body} | {"type": "upstream"}
            )
            key = next(name for name in body if name in ("from", "out"))
            unknown = NOBODY if isinstance(body[key], str) else [NOBODY]
            yield post(route, body | {key: unknown})
        schemes = post("/v1/supply-schemes", {"point": [0.0, 0.0], "kva": 10})
        yield from self._wrong_posts(schemes)
        yield replace(schemes, body={"point": [0.0, 100.0], "kva": 10})
        yield schemes  # in no county
        place = self.grid.package["customer_point"].geometry.iloc[0]
        point = [place.x, place.y]
        for areas in (
            {"avoid": [_box(point, 0.0, 0.0)]},  # around the point
            {"must_pass": [_box(point, 1.0, 0.0)]},  # far away
            {"avoid": _box(point, 1.0, 0.0), "must_pass": _box(point, 1.0, 0.0)},
            {"must_pass": [_box(point, 0.001, 0.0)] * 5},
            {"avoid": [{"type": "Point", "coordinates": point}]},
            {"disjoint": True},
        ):
            yield replace(schemes, body={"point": point, "kva": 10} | areas)
        reserving, reserved = "/v1/reservations", "/v1/reservations/{id}"
        chosen = [{"attach": {"kind": "node", "id": NOBODY}, "conductor": "low cable 150"}]
        body = {"operator": "o", "idempotency_key": "wrong", "chosen": chosen}
        reserve = post(reserving, {"point": [0.0, 0.0], "kva": 10, **body})
        yield from self._wrong_posts(reserve)
        yield reserve  # in no county
        for what in ("built", "withdraw"):
            yield from self._wrong_posts(post(f"{reserved}/{what}", {"operator": "o"}, id="1"))
            yield post(f"{reserved}/{what}", {"operator": "o"}, id="123456")
        for query in (("colour", "red"), ("limit", "0"), ("after", "x"), ("county", NOBODY)):
            yield get(reserving, query)
        for route, id in ((reserving, ""), (reserved, "1")):
            yield get(route, accept="image/png", id=id)
        yield get(reserved, id="123456")
        yield get(reserved, id="one")
        path = "/v1/supply-path/{customer_id}"
        yield from self._wrong_posts(post(path, {}, customer_id=customer))
        yield post(path, {}, customer_id=NOBODY)
        about = ((path, "customer_id", customer), *((one, "id", element) for one in ONE_ELEMENT))
        for route, part, id in about:
            yield get(route, **{part: NOBODY})
            yield get(route, ("colour", "red"), **{part: id})
            yield get(route, ("switching", "half"), **{part: id})
            yield get(route, ("at", LONG_AGO), ("state", "normal"), **{part: id})
            yield get(route, ("at", SOON), **{part: id})
            yield get(route, accept="image/png", **{part: id})
        for route in ("/v1/switch-operations", "/v1/interruptions"):
            yield get(route, ("colour", "red"))
            yield get(route, ("limit", "0"))
            yield get(route, ("since", SOON), ("until", LONG_AGO))
            yield get(route, accept="image/png")
        operation = {"id": self.ids["switches"][0], "open": True}
        yield from self._wrong_posts(post("/v1/switch-operations", [operation]), in_list=True)
        yield post("/v1/switch-operations", [operation | {"id": NOBODY}])
        yield post("/v1/switch-operations", [operation | {"id": self.ids["lines"][0]}])
        yield post("/v1/switch-operations", [operation, operation | {"open": False}])
        base = "/ogc/collections"
        yield get(base, ("colour", "red"))
        yield get(f"{base}/{{collection}}", collection=NOBODY)
        items = f"{base}/{{collection}}/items"
        for layer in ("switch", "county", NOBODY):
            yield get(items, ("colour", "red"), collection=layer)
            yield get(items, ("limit", "none"), collection=layer)
            yield get(items, ("bbox", "1,2,3"), collection=layer)
            yield get(items, ("bbox", "9,9,0,0"), collection=layer)
            yield get(items, ("f", "xml"), collection=layer)
            yield get(items, ("filter", "colour = 'red'"), collection=layer)
            yield get(f"{items}/{{id}}", collection=layer, id=NOBODY)
        yield Question(base, "/ogc/collections", method="POST", body={})
        yield Question("", "/v1/nothing/here")

    def _wrong_posts(self, right: Question, *, in_list: bool = False) -> Iterator[Question]:
        yield replace(right, body=b'{"type": ')
        yield replace(right, body=b"")
        yield replace(right, content_type="text/plain")
        yield replace(right, accept="image/png")
        yield replace(right, method="DELETE", body=None)
        if in_list:
            (operation,) = right.body
            yield replace(right, body=[operation | {"colour": "red"}])
            yield replace(right, body=[operation | {"at": SOON}])
            yield replace(right, body=[])
            return
        yield replace(right, body=right.body | {"colour": "red"})
        yield replace(right, body=right.body | {"at": LONG_AGO, "state": "normal"})
        yield replace(right, body=right.body | {"at": SOON})
        yield replace(right, body=right.body | {"switching": [{"id": NOBODY, "open": True}]})
        yield replace(right, body=right.body | {"at_least": {self.grid.counties[0]: 1_000_000}})

    def _ids_of(self, layer: str) -> list[str]:
        """Ids of a collection; of one that is worked out, those that the tables tell."""
        if layer in self.grid.package.layers:
            ids: list[str] = self.grid.package[layer]["code" if layer == "county" else "id"].tolist()
            return ids
        return sorted({one for one in self.grid.tables.switches.feeder_id.tolist() if one} or {NOBODY})

    def boxes(self) -> list[str]:
        """Boxes of one element, around a border, over everything, over the 180th meridian, and of nothing."""
        west, south, east, north = (
            float(edge) for edge in self.grid.package["connectivity_node"].total_bounds
        )
        x, y = (west + east) / 2, (south + north) / 2
        boxes = [
            (west, south, east, north),
            (west, south, x, y),
            (170.0, -90.0, -10.0, 90.0),
            (-179.9, -89.9, -179.8, -89.8),
        ]
        for id in self.crossing[:2] or self.ids["lines"][:1]:
            a, b, c, d = self._bounds(id)
            boxes.append((a - 0.001, b - 0.001, c + 0.001, d + 0.001))
        text = [",".join(f"{edge:.6f}" for edge in box) for box in boxes]
        return [*text, f"{west},{south},-50,{east},{north},900"]

    def areas(self) -> list[dict[str, Any]]:
        """Polygons around elements, across borders first, and one that holds nothing."""
        found: list[dict[str, Any]] = []
        for id in [*self.crossing[:2], *self.ids["lines"][:2]]:
            a, b, c, d = self._bounds(id)
            ring = [
                [a - 0.002, b - 0.002],
                [c + 0.002, b - 0.002],
                [c + 0.002, d + 0.002],
                [a - 0.002, b - 0.002],
            ]
            found.append({"type": "Polygon", "coordinates": [ring], "bbox": [a, b, c, d]})
        far = [[-170.0, -80.0], [-169.0, -80.0], [-169.0, -79.0], [-170.0, -80.0]]
        found.append(
            {
                "type": "MultiPolygon",
                "coordinates": [[far], found[0]["coordinates"]],
                "bbox": [-170, -80, 0, 0],
            }
        )
        return found

    def switches_by_county(self, counties: int) -> list[str]:
        """A feeder's head switch, or the first switch, of some counties."""
        table = self.grid.tables.switches
        found: list[str] = []
        for county in self._some(sorted(set(table.county.tolist())), counties):
            own = table.id[table.county == county]
            heads = table.id[(table.county == county) & (table.feeder_id != "")]
            found.append(str((heads if len(heads) else own)[0]))
        return found

    def _bounds(self, id: str) -> tuple[float, float, float, float]:
        for table in (self.grid.tables.lines, self.grid.tables.switches, self.grid.tables.transformers):
            (rows,) = (table.id == id).nonzero()
            if rows.size:
                row = int(rows[0])
                xy = (
                    table.coords[table.offsets[row] : table.offsets[row + 1]]
                    if isinstance(table, Lines)
                    else table.xy[row : row + 1]
                )
                low, high = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
                return low[0], low[1], high[0], high[1]
        raise LookupError(id)

    def _contexts(self) -> Iterator[dict[str, Any]]:
        """Worlds to ask in, as fields of a body."""
        yield {}
        yield {"state": "normal"}
        yield {"switching": self._switching()}
        yield {"at_least": dict.fromkeys(self._some(self.grid.counties, 2), 1)}
        yield {"state": "normal", "switching": self._switching()}
        yield {"state": "current"}
        for moment in self.moments:
            yield {"at": moment.isoformat()}
        yield {"at": LONG_AGO}
        if self.moments:
            yield {"at": self.moments[-1].isoformat(), "switching": self._switching()}

    def _queries(self) -> Iterator[list[tuple[str, str]]]:
        """The same as parameters."""
        yield [("state", "normal")]
        yield [("at", (self.moments[0] if self.moments else LONG_AGO_TIME).isoformat())]
        yield [
            ("switching", f"{one['id']}:{'open' if one['open'] else 'closed'}") for one in self._switching()
        ]
        yield [("at_least", f"{self.grid.counties[0]}:1"), ("state", "current")]

    def _switching(self) -> list[dict[str, Any]]:
        return [{"id": id, "open": number % 2 == 0} for number, id in enumerate(self.ids["switches"][:3])]

    def _some(self, from_: Any, number: int) -> list[Any]:
        """So many of these, the first among them."""
        listed = list(dict.fromkeys(from_))
        if len(listed) <= number:
            return listed
        return [listed[0], *self._draw.sample(listed[1:], number - 1)]


def operations(asker: Asker, begin: datetime) -> Iterator[Question]:
    """Switch operations in turn: batches over counties, late ones, repeats, and what is refused."""
    route = "/v1/switch-operations"

    def at(tenths: int) -> str:
        return (begin + timedelta(seconds=tenths / 10)).isoformat()

    switches = list(dict.fromkeys([*asker.ids["switches"], *asker.switches_by_county(4)]))
    for number, id in enumerate(switches):
        one = {"id": id, "open": number % 3 != 2, "at": at(2 * number), "operator": "ann", "reason": "storm"}
        yield post(route, [one | {"idempotency_key": f"job-{number}"}])
    batch = [
        {"id": id, "open": False, "at": at(2 * len(switches)), "idempotency_key": f"back-{number}"}
        for number, id in enumerate(switches)
    ]
    yield post(route, batch)
    yield post(route, batch)
    yield post(route, [batch[0] | {"open": True}])  # the key is taken
    yield post(route, [{"id": switches[0], "open": True, "at": at(1)}])  # late: before what is recorded
    yield post(route, [{"id": id, "open": True, "at": at(2 * len(switches) + 2)} for id in switches[:2]])
    yield post(route, [{"id": switches[-1], "open": False, "at": at(3)}])


def _box(point: list[float], east: float, north: float) -> dict[str, Any]:
    """A square of some 50 m, so many degrees away from a point."""
    x, y, half = point[0] + east, point[1] + north, 0.0002
    low, high = [x - half, y - half], [x + half, y + half]
    ring = [low, [high[0], low[1]], high, [low[0], high[1]], low]
    return {"type": "Polygon", "coordinates": [ring], "bbox": [*low, *high]}
