"""Somebody who may see one county learns nothing of the others, whatever they ask.

Two witnesses, neither of which knows how it is done. One is a database that does not hold the other county at
all: a caller who may not see it gets the very same answers. The other is a mark that is in everything the
hidden county is made of, and in nothing else: no answer has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx
import pytest
from shapely.geometry import shape

from gis_service.ingest.package import GridPackage
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from layers.scope import write_token
from layers.source import Box
from layers.tiles.matrix import WEB_MERCATOR, Tile
from tests.counties import one_county
from tests.drawn import package_of
from tests.grid_database import GridDatabase
from tests.layers.addresses import addresses, tile_addresses
from tests.live import MAP_KEY, LiveEngine, empty, load
from tests.web.test_problems import problem

SEEN, HIDDEN = "450131", "zqx999"
MARK, FAR = "zqx", 55.0
"""In every id, name and code of the hidden county; degrees that it lies further north, at 77 and more."""

SEEN_GRID = f"""
@{SEEN}
ST1 substation  kv=110 name=Main
n1  node        substation=ST1
S1  source      n1
CB1 breaker     n1 n2  feeder=F1
L1  line        n2 n3  length=120
T1  transformer n3 n5
D1  district    T1     name=Village
C1  customer    n5     kva=8
C2  customer    n5  A  kva=5.5
K1  fuse        n2 n9  open
C9  customer    n9     kva=3
"""
HIDDEN_GRID = f"""
@{HIDDEN}
zqx-ST substation  kv=110 name=zqx-works
zqx-1  node        substation=zqx-ST
zqx-S  source      zqx-1
zqx-CB breaker     zqx-1 zqx-2  feeder=zqx-F
zqx-L  line        zqx-2 zqx-3  length=777.7
zqx-T  transformer zqx-3 zqx-5
zqx-D  district    zqx-T     name=zqx-village
zqx-C  customer    zqx-5     kva=77.7 grade=special
zqx-E  customer    zqx-5     kva=77.7
zqx-7  node
zqx-K  fuse        zqx-2 zqx-9  open
zqx-G  customer    zqx-9     kva=77.7
"""
JOINED = "zqx-B line n3 zqx-3 length=777.7\n"
"""A line of the hidden county, from the other's network to its own."""

BORDER = f"""
@{SEEN}
B1 line n3 zqx-3
B2 load_break_switch n2 zqx-2 normal_open open
B3 transformer n3 zqx-7
B4 customer zqx-5 district=zqx-D
B5 district zqx-T
"""
"""Elements of the county that is seen, each with an end or an owner in the other."""

ID_OF = {
    "county": HIDDEN,
    "substation": "zqx-ST",
    "line_section": "zqx-L",
    "switch": "zqx-CB",
    "power_transformer": "zqx-T",
    "transformer_district": "zqx-D",
    "customer_point": "zqx-C",
    "corridor": "K-zqx-L",
    "feeder": "zqx-F",
    "outage_area": f"{HIDDEN}:zqx-9",
    "topology_issue": f"missing_value:line_section:{HIDDEN}",
}
Answer = TypeVar("Answer")
CALLERS = 4
"""Who ask at the same time: the engine answers one while the database works for another."""

TOKEN = write_token(MAP_KEY.encode(), [SEEN], datetime.now(UTC) + timedelta(days=1))
CHANGES = re.compile(
    rb'"(?:timeStamp|as_of)":"[^"]*"|20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|\+00:00)|pyogrio_\w{32}'
)


def far_away(tables: GridTables) -> GridTables:
    """The same grid with what belongs to the hidden county moved far to the north."""
    for table in (tables.nodes, tables.switches, tables.transformers, tables.customers, tables.substations):
        table.xy[table.county == HIDDEN, 1] += FAR
    lines = tables.lines
    for row in (lines.county == HIDDEN).nonzero()[0].tolist():
        lines.coords[lines.offsets[row] : lines.offsets[row + 1], 1] += FAR
    return tables


def grid(*parts: str) -> GridPackage:
    return packed(far_away(parse_grid("".join(parts))))


def packed(tables: GridTables) -> GridPackage:
    package = package_of(tables)
    county = package["county"]
    # the ends of ways are nobody's elements
    package["corridor"]["to_vertex"] = [f"v-{id.removeprefix('K-')}" for id in package["corridor"]["id"]]
    for row in county.index[county["code"] == HIDDEN]:
        county.loc[row, "geom"] = county.loc[[row]].translate(yoff=FAR)[row]
    return package


def tiles_around(engine: LiveEngine) -> list[Tile]:
    """Some tiles in which something lies that somebody may see."""
    places = [
        Box(*shape(one["geometry"]).bounds)
        for layer in ("line_section", "switch", "customer_point")
        for one in engine.ask(f"/ogc/collections/{layer}/items?limit=1000")["features"]
    ]
    deep = {tile: None for box in places for tile in WEB_MERCATOR.tiles(box, 14)}
    return [Tile(0, 0, 0), *list(deep)[:: max(1, len(deep) // 6)]]


def answers(
    engine: LiveEngine, tiles: list[Tile], *, without: str = "", **headers: str
) -> dict[str, tuple[int, str, bytes]]:
    """Every answer, without the times that it was made at; of addresses that do not hold some text."""
    engine.catch_up()

    def answer(address: str) -> tuple[int, str, bytes]:
        found = engine.get(address, headers=headers)
        said = CHANGES.sub(b"", found.content)
        return found.status_code, found.headers.get("content-type", ""), said

    asked = [one for one in all_addresses(engine, tiles) if not without or without not in one]
    return dict(zip(asked, at_once(answer, asked), strict=True))


def all_addresses(engine: LiveEngine, tiles: list[Tile]) -> list[str]:
    names = [one["id"] for one in engine.ask("/ogc/collections")["collections"]]
    listed = (*addresses(names, county=HIDDEN, id_of=ID_OF), *tile_addresses(names, tiles))
    return list(dict.fromkeys(listed))


def at_once(ask: Callable[[str], Answer], asked: Sequence[str]) -> list[Answer]:
    """The answers to some addresses in their order, several of them asked at a time."""
    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(ask, asked))


def test_the_answers_are_those_of_a_database_without_the_other_county(
    live_engine: LiveEngine, grid_database: GridDatabase
) -> None:
    load(grid(SEEN_GRID, HIDDEN_GRID, JOINED))
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    live_engine.catch_up()
    tiles = tiles_around(live_engine)
    scoped = answers(live_engine, tiles, **bearer)
    # the attack is one: those who may see the other county are told of it
    assert HIDDEN in live_engine.get("/ogc/collections/switch/items").text
    told = [live_engine.get(f"/tiles/switch/{z}/{x}/{y}.mvt").content for z, x, y in tiles]
    assert any(MARK.encode() in body for body in told)
    empty(grid_database)
    load(packed(one_county(parse_grid(SEEN_GRID + HIDDEN_GRID + JOINED), SEEN)))
    alone = answers(live_engine, tiles, **bearer)
    assert alone.keys() == scoped.keys()
    for address, answer in alone.items():
        assert scoped[address] == answer, address
    for address, (status, media_type, body) in answers(live_engine, tiles, without="filter=").items():
        # to those who see some counties the capabilities say so, and findings say less: others may be hidden
        shown = alone[address][2].replace(b"the counties of the token", b"none")
        assert (status, media_type, body) == (*alone[address][:2], shown) or "topology_issue" in address


@pytest.fixture(scope="module")
def bordering(
    still_engine: LiveEngine, migrated_database: GridDatabase, django_db_blocker: Any
) -> Iterator[LiveEngine]:
    """The engine over two counties of which each has elements that reach into the other."""
    with django_db_blocker.unblock():
        empty(migrated_database)
        load(grid(SEEN_GRID, HIDDEN_GRID, JOINED, BORDER))
        still_engine.catch_up()
        yield still_engine
        empty(migrated_database)


def told(answer: httpx.Response, asked: str) -> bytes:
    """All that an answer says, lower case, but for what the question said itself."""
    said = answer.content + b"\n".join(f"{name}: {value}".encode() for name, value in answer.headers.items())
    text = unquote(said.decode("latin-1")).lower()
    for own in {unquote(part) for part in re.split(r"[/?&=]", asked)}:
        if MARK in own:
            text = text.replace(own.lower(), "")
    return text.encode()


def test_no_answer_has_the_mark_of_the_hidden_county(bordering: LiveEngine) -> None:
    def said(address: str) -> bytes:
        mark = "&" if "?" in address else "?"
        return told(bordering.get(f"{address}{mark}token={TOKEN}"), address)

    asked = all_addresses(bordering, tiles_around(bordering))
    for address, text in zip(asked, at_once(said, asked), strict=True):
        assert MARK.encode() not in text, address
        assert not re.search(rb"77\.\d{3}", text), address


def test_an_id_of_the_hidden_county_is_as_unknown_as_any(bordering: LiveEngine) -> None:
    for layer, id in ID_OF.items():
        said = []
        for asked in (id, "nothing"):
            answer = bordering.get(f"/ogc/collections/{layer}/items/{asked}?token={TOKEN}")
            said.append(problem(answer, 404)["detail"].replace(asked, "…"))
        assert said[0] == said[1]


def test_no_guess_at_a_hidden_reference_is_answered(bordering: LiveEngine) -> None:
    """What is stored is another value than what this caller is told: filters keep what the latter does."""
    for layer, field, id, referred in (
        ("line_section", "to_node", "B1", "zqx-3"),
        ("switch", "to_node", "B2", "zqx-2"),
        ("power_transformer", "to_node", "B3", "zqx-7"),
        ("customer_point", "node_id", "B4", "zqx-5"),
        ("customer_point", "district_id", "B4", "zqx-D"),
        ("transformer_district", "transformer_id", "B5", "zqx-T"),
    ):
        items = f"/ogc/collections/{layer}/items"
        conditions = [f"{field} = '{referred}'", f"{field} LIKE 'zqx%'", f"NOT {field} <> '{referred}'"]
        asked = [*({"filter": one} for one in conditions), {field: referred}]
        for params in asked:
            found = bordering.ask(items, params={**params, "token": TOKEN})
            assert (found["features"], found["numberMatched"]) == ([], 0), params
            seen = bordering.ask(items, params=params)["features"]
            assert id in [one["id"] for one in seen], params
        nulls = bordering.ask(items, params={"filter": f"{field} IS NULL", "token": TOKEN, "limit": 1})
        assert "numberMatched" not in nulls or nulls["numberMatched"] == 1
        everything = bordering.ask(items, params={"filter": f"{field} IS NULL", "token": TOKEN})
        assert id in [one["id"] for one in everything["features"]]


def test_who_may_see_another_county_or_none_is_shown_just_that(bordering: LiveEngine) -> None:
    for counties in ([HIDDEN], [], ["450199"], [SEEN, HIDDEN], None):
        token = write_token(MAP_KEY.encode(), counties, datetime.now(UTC) + timedelta(days=1))
        there = {SEEN, HIDDEN} & set(counties) if counties is not None else {SEEN, HIDDEN}
        for layer, key in (("county", "code"), ("switch", "county_code"), ("corridor", "county_code")):
            page = bordering.ask(f"/ogc/collections/{layer}/items", params={"token": token})
            assert {one["properties"][key] for one in page["features"]} == there
            assert page["grid_version"].keys() == there


def test_links_lead_on_for_those_who_have_the_token_in_the_address(bordering: LiveEngine) -> None:
    seen: list[str] = []
    address = f"/ogc/collections/switch/items?limit=1&TOKEN={TOKEN}"
    while address:
        page = bordering.ask(address)
        seen += [one["id"] for one in page["features"]]
        assert all(f"token={TOKEN}" in link["href"] for link in page["links"])
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert seen == ["B2", "CB1", "K1"]
    described = bordering.ask(f"/ogc/collections?token={TOKEN}")
    for one in (described, *described["collections"]):
        assert all(f"token={TOKEN}" in link["href"] for link in one["links"])


def test_a_token_that_does_not_hold_is_refused_everywhere(bordering: LiveEngine) -> None:
    stale = write_token(MAP_KEY.encode(), [SEEN], datetime.now(UTC) - timedelta(minutes=1))
    for path in ("", "/switch", "/switch/items", "/switch/items/CB1"):
        answer = bordering.get(f"/ogc/collections{path}?token={stale}")
        assert "run out" in problem(answer, 401)["detail"]
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_stream_of_changes_tells_of_the_counties_that_are_seen(live_engine: LiveEngine) -> None:
    load(grid(SEEN_GRID, HIDDEN_GRID, JOINED))
    live_engine.catch_up()
    said = b""
    with live_engine.client.stream("GET", f"/tiles/events?token={TOKEN}") as stream:
        for piece in stream.iter_bytes():
            said += piece
            if said.count(b"event: ") == 1 and said.endswith(b"\n\n"):
                live_engine.operate({"id": "zqx-K", "open": False})
                live_engine.operate({"id": "K1", "open": False})
            if b"line_section" in said or b"customer_point" in said:
                break
    assert MARK.encode() not in said
    assert not re.search(rb"77\.\d{3}", said)
