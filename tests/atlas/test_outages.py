"""Outage areas as features; expected from sets and networkx (`oracles.brute`), and read off the drawing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import networkx as nx
import orjson
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import shape

from gis_service.atlas import Atlas
from gis_service.atlas.derived import DerivedLayer
from gis_service.atlas.outages import OUTAGE_AREA, Begun, Customer, outage_areas
from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from layers.geojson_writer import feature_collection
from layers.source import Counties, Query
from tests.drawn import DRAWN, KVA, NORTH, SOUTH
from tests.oracles.brute import SUPPLY, BruteGrid
from tests.strategies import cut_grids

CODES = ["450101", "450102", "450103"]
NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)


def nothing_recorded(_customers: Collection[Customer], _at: datetime) -> Mapping[Customer, Begun]:
    return {}


def outages(tables: GridTables, counties: Counties = None, begun: Any = nothing_recorded) -> list[Any]:
    atlas = Atlas(Engine(CurrentWorld(HeldTables(tables))))
    layer = DerivedLayer(OUTAGE_AREA, atlas, partial(outage_areas, begun_of=begun), lambda _: None)
    page = layer.page(Query(1000, counties=counties))
    found: list[Any] = orjson.loads(b"".join(feature_collection([page.features], {})))["features"]
    return found


def by_sets(tables: GridTables, seen: Counties) -> dict[str, tuple[set[str], set[str]]]:
    """Id → nodes and customers of each part."""
    switches, customers = tables.switches, tables.customers
    normal = BruteGrid(tables, set(switches.id[switches.normal_open]))
    now = BruteGrid(tables, set(switches.id[switches.open]))
    county = dict(zip(tables.nodes.id, tables.nodes.county, strict=True))
    node_of = dict(zip(customers.id, customers.node_id, strict=True))
    lost = normal.supplied() - now.supplied()
    of = dict(zip(customers.id, customers.county, strict=True))
    lost = {id for id in lost if seen is None or of[id] in seen}
    dark = {id for id in county if normal.live_phases(id) and not now.live_phases(id)}
    dark = {id for id in dark | {node_of[id] for id in lost} if seen is None or county[id] in seen}
    owners = {
        f"{layer}:{id}": code
        for layer, table in (
            ("line_section", tables.lines),
            ("switch", switches),
            ("power_transformer", tables.transformers),
        )
        for id, code in zip(table.id, table.county, strict=True)
    }
    graph = nx.Graph()
    graph.add_nodes_from(dark)
    for joint in now.joints():
        shut = joint.key.startswith("switch:") and joint.key[7:] in normal.open & now.open
        if SUPPLY in (joint.a, joint.b) or shut or not {joint.a, joint.b} <= dark:
            continue
        if joint.phases and (seen is None or owners[joint.key] in seen):
            graph.add_edge(joint.a, joint.b)
    found = {}
    for part in nx.connected_components(graph):
        first = min((county[id], id) for id in part)
        found[":".join(first)] = part, {id for id in lost if node_of[id] in part}
    return found


@settings(max_examples=40)
@given(cut_grids().map(lambda it: it[1]), st.none() | st.frozensets(st.sampled_from(CODES)))
def test_areas_are_the_parts_that_sets_and_networkx_find(tables: GridTables, seen: Counties) -> None:
    expected = by_sets(tables, seen)
    found = {one["id"]: one for one in outages(tables, seen)}
    assert found.keys() == expected.keys()
    nodes, customers = tables.nodes, tables.customers
    place = dict(zip(nodes.id, map(tuple, nodes.xy), strict=True))
    kva = dict(zip(customers.id, customers.contracted_kva, strict=True))
    grade = dict(zip(customers.id, customers.critical_grade, strict=True))
    county = (
        dict(zip(nodes.id, nodes.county, strict=True)),
        dict(zip(customers.id, customers.county, strict=True)),
    )
    for id, (part, lost) in expected.items():
        told = found[id]["properties"]
        assert told["customers"] == len(lost)
        assert told["contracted_kva"] == sum(kva[one] for one in lost)
        assert told["critical_special"] == sum(grade[one] == "special" for one in lost)
        codes = {county[0][one] for one in part} | {county[1][one] for one in lost}
        assert told["county_codes"] == ",".join(sorted(codes))
        assert told["county_code"] == id.split(":")[0]
        area = shape(found[id]["geometry"])
        assert area.is_valid
        assert all(area.covers(shapely.Point(place[one])) for one in part)


@settings(max_examples=60)
@given(cut_grids().map(lambda it: it[1]))
def test_nobody_is_in_two_areas_and_nobody_without_supply_is_left_out(tables: GridTables) -> None:
    switches = tables.switches
    lost = (
        BruteGrid(tables, set(switches.id[switches.normal_open])).supplied()
        - BruteGrid(tables, set(switches.id[switches.open])).supplied()
    )
    assert sum(one["properties"]["customers"] for one in outages(tables)) == len(lost)


def operated(*open_: str) -> GridTables:
    """The hand-drawn grid with some more switches open."""
    tables = parse_grid(DRAWN)
    tables.switches.open[[id in open_ for id in tables.switches.id]] = True
    return tables


def test_a_grid_as_it_normally_stands_has_no_outage() -> None:
    assert outages(parse_grid(DRAWN)) == []


def test_what_lies_behind_an_open_fuse_is_one_area() -> None:
    begun = {
        (SOUTH, "C4"): Begun(NINE, (SOUTH, "FU1")),
        (SOUTH, "C3"): Begun(NINE.replace(hour=10), (SOUTH, "SW2")),
    }
    (one,) = outages(operated("FU1"), begun=lambda asked, _: {key: begun[key] for key in asked})
    assert one["properties"] == {
        "id": f"{SOUTH}:n7",
        "county_code": SOUTH,
        "county_codes": SOUTH,
        "customers": 2,
        "critical_special": 1,
        "critical_first": 1,
        "critical_second": 0,
        "critical_temporary": 0,
        "transformer_districts": 1,
        "contracted_kva": KVA["C3"] + KVA["C4"],
        "since": "2026-03-01T09:00:00Z",
        "cause": "FU1",
    }
    assert one["geometry"]["type"] == "Polygon"


def test_two_feeders_that_an_open_tie_parts_are_two_areas() -> None:
    north, south = outages(operated("CB1", "CB2"))
    assert [one["properties"]["customers"] for one in (north, south)] == [1, 5]
    assert (north["id"], south["id"]) == (f"{NORTH}:m2", f"{NORTH}:n2")
    assert south["properties"]["county_codes"] == f"{NORTH},{SOUTH}"


def test_who_may_see_one_county_is_told_of_its_part_alone() -> None:
    grid = operated("CB1")
    (one,) = outages(
        grid, frozenset({NORTH}), lambda asked, _: {key: Begun(NINE, (SOUTH, "SW2")) for key in asked}
    )
    assert (one["properties"]["customers"], one["properties"]["county_codes"]) == (2, NORTH)
    assert (one["properties"]["cause"], one["properties"]["since"]) == (None, "2026-03-01T09:00:00Z")
    # n4, where both begin, is of the other county
    others = outages(grid, frozenset({SOUTH}))
    assert [(one["id"], one["properties"]["customers"]) for one in others] == [
        (f"{SOUTH}:n10", 1),
        (f"{SOUTH}:n7", 2),
    ]
