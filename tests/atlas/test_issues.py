"""Findings as features: those that `check_grid` finds of the grid as it normally stands, one point each."""

from __future__ import annotations

import threading
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.atlas import Atlas, issues
from gis_service.atlas.derived import DerivedLayer
from gis_service.atlas.issues import OF_THE_ELEMENT_ALONE, TOPOLOGY_ISSUE, Issues
from gis_service.checks import RULES, check_grid
from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.errors import NotReady
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from layers.geojson_writer import feature_collection
from layers.sheet import Sight
from layers.source import Box, Counties, Query
from tests.drawn import DRAWN, NORTH, SOUTH
from tests.strategies import cut_grids

CODES = ["450101", "450102", "450103"]
WORLD = Box(-180, -90, 180, 90)


def layer_over(tables: GridTables, *, patience_s: float = 60.0) -> DerivedLayer:
    atlas = Atlas(Engine(CurrentWorld(HeldTables(tables))))
    return DerivedLayer(TOPOLOGY_ISSUE, atlas, Issues(patience_s).features, lambda _: None, live=False)


def features(layer: DerivedLayer, counties: Counties = None) -> list[dict[str, Any]]:
    page = layer.page(Query(10_000, counties=counties))
    found: list[dict[str, Any]] = orjson.loads(b"".join(feature_collection([page.features], {})))["features"]
    return found


@settings(max_examples=40)
@given(cut_grids().map(lambda it: it[1]), st.none() | st.frozensets(st.sampled_from(CODES)))
def test_every_finding_of_the_check_is_a_feature(tables: GridTables, seen: Counties) -> None:
    tables.switches.open[:] = tables.switches.normal_open
    expected = [one for one in check_grid(tables) if seen is None or one.county_code in seen]
    found = features(layer_over(tables), seen)
    assert len({one["id"] for one in found}) == len(found)
    told = sorted(
        (one["properties"]["rule"], one["properties"]["county_code"], one["properties"]["element_id"] or "")
        for one in found
    )
    assert told == sorted((one.rule, one.county_code, one.id or "") for one in expected)
    texts = {one["properties"]["text"] for one in found}
    if seen is None:
        assert texts == {one.message for one in expected}
    titles = {rule.title for rule in RULES.values()}
    alone = {one.message for one in expected if one.rule in OF_THE_ELEMENT_ALONE}
    assert seen is None or texts <= alone | titles


def test_a_finding_lies_in_the_middle_of_its_line() -> None:
    found = {one["id"]: one for one in features(layer_over(parse_grid(DRAWN)))}
    one = found["length_mismatch:line_section:L4"]
    assert one["geometry"]["type"] == "Point"
    assert one["properties"]["severity"] == "warning"
    assert one["properties"]["county_code"] == SOUTH
    assert found[f"missing_value:line_section:{NORTH}"]["geometry"] is None


def test_who_asks_before_the_check_is_through_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, done = threading.Event(), threading.Event()

    def slowly(tables: GridTables) -> Any:
        go_on.wait(30)
        found = check_grid(tables)
        done.set()
        return found

    monkeypatch.setattr(issues, "check_grid", slowly)
    layer = layer_over(parse_grid(DRAWN), patience_s=0.0)
    with pytest.raises(NotReady, match="ask again"):
        layer.page(Query(1))
    seen = layer.look(Sight(WORLD))
    assert (seen.patches, seen.missing) == ([], (NORTH, SOUTH))
    assert layer.look(Sight(WORLD, counties=frozenset({SOUTH}))).missing == (SOUTH,)
    go_on.set()
    assert done.wait(60)
    while layer.look(Sight(WORLD)).missing:
        pass
    assert layer.look(Sight(WORLD)).patches
    assert len(features(layer)) == 16


def test_a_check_that_fails_is_told_and_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = layer_over(parse_grid(DRAWN))

    def fails(_tables: GridTables) -> Any:
        raise MemoryError("no room")

    monkeypatch.setattr(issues, "check_grid", fails)
    with pytest.raises(MemoryError):
        layer.page(Query(1))
    monkeypatch.setattr(issues, "check_grid", check_grid)
    assert len(features(layer)) == 16
