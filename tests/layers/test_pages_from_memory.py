"""Pages out of memory are those of the tables: the same features, values and keys, whatever is asked.

Expected from PostGIS, which is asked where a condition is on what is stored, here one that keeps everything.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pytest
import shapely

from gis_service import store
from gis_service.atlas import DRAWN_FROM_MEMORY
from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.stored import StoredGrid
from gis_service.ingest.package import GridPackage
from gis_service.sources import LiveLayer, grid_catalog
from layers.filter.tree import Call, Property, Value
from layers.geojson_writer import feature_collection
from layers.source import Box, Key, Page, Query
from tests.drawn import NORTH, SOUTH, drawn_package
from tests.grid_database import GridDatabase

EVERYTHING = Call("<>", (Property("id", "string"), Value("", "string")))
BOXES = (
    None,
    Box(-180, -90, 180, 90),
    Box(107.9995, 22.7995, 108.0015, 22.8025),
    Box(108.0002, 22.8001, 108.0008, 22.8009),  # cuts through lines whose ends lie outside
    Box(108.001, 22.79, -170, 22.801),  # over the 180th meridian
    Box(0, 0, 1, 1),
)


def odd_package() -> GridPackage:
    """The drawing, with what may be absent absent or empty here and there, and letters in any order."""
    package = drawn_package()
    frames: dict[str, gpd.GeoDataFrame] = {layer: package[layer].copy() for layer in package.layers}
    for layer, column, values in (
        ("line_section", "phases", [None, "ABC", "CBA", "ABCN", "NA"]),
        ("line_section", "name", [None, "", "Übergang", 'a"b', "中"]),
        ("switch", "phases", ["BC", None, "NCBA", "C", "ABC"]),
        ("switch", "name", ["", None, "x", "", None]),
        ("switch", "remote_controlled", [None, True, False, None, True]),
        ("customer_point", "phases", [None, "A", "AN", "BCA", "ABCN", None]),
    ):
        frames[layer][column] = values
    # a line whose own box meets a box that it passes by
    bent = [[108.0, 22.8], [108.002, 22.8], [108.002, 22.803]]
    lines = frames["line_section"]
    lines["geom"] = gpd.GeoSeries([shapely.LineString(bent), *lines.geometry[1:]], crs=4326)
    return GridPackage.of(frames)


@pytest.fixture
def layers(grid_database: GridDatabase, tmp_path: Path) -> Any:
    store.load_package(odd_package())
    return grid_catalog(Engine(CurrentWorld(StoredGrid(tmp_path))))


def text_of(page: Page) -> Any:
    return (
        orjson.loads(b"".join(feature_collection([page.features], {})))["features"],
        page.after,
        page.missing,
    )


@pytest.mark.parametrize("layer", DRAWN_FROM_MEMORY)
def test_a_page_is_the_one_that_the_tables_give(layers: Any, layer: str) -> None:
    source = layers[layer]
    assert isinstance(source, LiveLayer)
    everything = text_of(source.page(Query(100)))[0]
    keys = [Key(one["properties"]["county_code"], one["id"]) for one in everything]
    assert len(keys) == len(odd_package()[layer])
    seen = 0
    for box in BOXES:
        for counties in (None, frozenset({NORTH}), frozenset({SOUTH}), frozenset[str]()):
            for after in (None, *keys, Key(NORTH, ""), Key(SOUTH, "zzz"), Key("000000", "x")):
                for limit in (1, 2, 100):
                    query = Query(limit, box=box, counties=counties, after=after)
                    found = source.page(query)
                    stored = source.page(replace(query, where=EVERYTHING))
                    assert (found.sifted, stored.sifted) == (False, True)
                    assert text_of(found) == text_of(stored), query
                    seen += len(found.features)
            if box is not None:
                told = source.count(Query(1, box=box, counties=counties), 10_000)
                exact = source.count(Query(1, box=box, counties=counties, where=EVERYTHING), 10_000)
                assert told == exact
    assert seen


@pytest.mark.parametrize("layer", DRAWN_FROM_MEMORY)
def test_a_feature_by_its_id_is_that_of_the_pages(layers: Any, layer: str) -> None:
    source = layers[layer]
    for one in text_of(source.page(Query(100)))[0]:
        found = source.feature(one["id"])
        assert orjson.loads(b"".join(feature_collection([found], {})))["features"] == [one]
        county = one["properties"]["county_code"]
        assert source.feature(one["id"], frozenset({NORTH, SOUTH} - {county})) is None
    assert source.feature("nothing") is None


def test_what_is_absent_is_told_as_it_is_meant(layers: Any) -> None:
    """A line without phases has all three; a customer's are those of its node; the neutral is told last."""
    lines = text_of(layers["line_section"].page(Query(100)))[0]
    assert [one["properties"]["phases"] for one in lines] == ["ABC", "ABC", "ABC", "ABCN", "AN"]
    assert [one["properties"]["name"] for one in lines][:3] == [None, None, "Übergang"]
    customers = text_of(layers["customer_point"].page(Query(100)))[0]
    assert [one["properties"]["phases"] for one in customers] == [None, "A", "AN", "ABC", "ABCN", None]
    switches = text_of(layers["switch"].page(Query(100)))[0]
    assert [one["properties"]["remote_controlled"] for one in switches] == [False, True, False, False, True]


def test_a_condition_sees_what_is_told(layers: Any) -> None:
    absent = Call("isNull", (Property("name", "string"),))
    assert [one["id"] for one in text_of(layers["line_section"].page(Query(9, where=absent)))[0]] == [
        "L1",
        "L2",
    ]
    whole = Call("=", (Property("phases", "string"), Value("ABC", "string")))
    assert len(layers["line_section"].page(Query(9, where=whole)).features) == 3
    folded = Call("casei", (Property("name", "string"),), "string")
    same = Call("=", (folded, Call("casei", (Value("ÜBERGANG", "string"),), "string")))
    assert len(layers["line_section"].page(Query(9, where=same)).features) == 1
