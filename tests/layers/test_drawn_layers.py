"""Every collection drawn out of a real database: places, live state, loads and operations beside it.

Expected from the package, asked of shapely one by one, and from the pages of the same collections.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pytest
import shapely
from shapely.geometry import shape

from gis_service import store
from gis_service.atlas import Atlas
from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.stored import StoredGrid
from gis_service.engine.recording.operated import Operated
from gis_service.engine.starting.warm import warm_up
from gis_service.ingest.package import GridPackage
from gis_service.sources import grid_catalog
from layers.catalog import Catalog
from layers.geojson_writer import feature_collection
from layers.sheet import Drawable, Seen, Sight
from layers.sheet_features import features_of
from layers.source import Box, Query
from tests.atlas.read import ids_in, values_of
from tests.drawn import NORTH, SOUTH, drawn_package
from tests.grid_database import GridDatabase
from tests.layers.test_items import STORED

WORLD = Box(-180, -90, 180, 90)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOXES = [
    WORLD,
    Box(107.9995, 22.7995, 108.0015, 22.8025),
    Box(108.0012, 22.8012, 108.0013, 22.8013),
    Box(108.001, 22.79, 108.01, 22.801),
    Box(0, 0, 1, 1),
]


def with_polygons() -> GridPackage:
    """The drawing; district D1 with a hole, D2 with no polygon, and a county in two parts."""
    package = drawn_package()
    frames: dict[str, gpd.GeoDataFrame] = {layer: package[layer].copy() for layer in store_layers()}
    ring = shapely.box(108.0, 22.8, 108.004, 22.804) - shapely.box(108.001, 22.801, 108.002, 22.802)
    districts = frames["transformer_district"]
    districts["geom"] = gpd.GeoSeries([ring if id == "D1" else None for id in districts["id"]], crs=4326)
    counties = frames["county"]
    parts = [shapely.box(107.9, 22.7, 108.0005, 22.9), shapely.box(109, 22.7, 109.1, 22.9)]
    codes = counties["code"].tolist()
    areas = [shapely.MultiPolygon(parts), counties["geom"][codes.index(SOUTH)]]
    counties["geom"] = gpd.GeoSeries(areas if codes == [NORTH, SOUTH] else areas[::-1], crs=4326)
    return GridPackage.of(frames)


def store_layers() -> Collection[str]:
    return [*STORED, "connectivity_node", "energy_source"]


PACKAGE = with_polygons()


@pytest.fixture
def engine(grid_database: GridDatabase, tmp_path: Path) -> Engine:
    store.load_package(PACKAGE, at=NOON)
    return Engine(CurrentWorld(StoredGrid(tmp_path)), clock=lambda: NOON + 24 * HOUR)


@pytest.fixture
def catalog(engine: Engine) -> Catalog:
    return grid_catalog(engine)


def drawn(catalog: Catalog, layer: str) -> Drawable:
    source = catalog[layer]
    assert isinstance(source, Drawable)
    return source


def fields_of(catalog: Catalog, layer: str) -> tuple[str, ...]:
    return tuple(field.name for field in catalog[layer].description.fields)


def lit(seen: Seen) -> dict[str, Any]:
    """The live state by id."""
    return {
        id: live
        for patch in seen.patches
        for id, live in zip(values_of(patch.ids, patch.rows), values_of(patch.live["energised"]), strict=True)
    }


@pytest.mark.parametrize("layer", STORED)
def test_a_look_sees_what_the_package_has_in_the_box(catalog: Catalog, layer: str) -> None:
    frame = PACKAGE[layer]
    key, county = ("code", "code") if layer == "county" else ("id", "county_code")
    for box in BOXES:
        seen = drawn(catalog, layer).look(Sight(box))
        near = [
            one is not None and not one.is_empty and shapely.box(*one.bounds).intersects(shapely.box(*box))
            for one in frame.geometry
        ]
        assert ids_in(seen) == sorted(zip(frame[county][near], frame[key][near], strict=True))
        assert seen.missing == ()


@pytest.mark.parametrize("layer", STORED)
def test_features_of_a_patch_are_those_of_the_pages(catalog: Catalog, layer: str) -> None:
    """Written from memory and written from the database: the same text, but for what is nowhere."""
    source = drawn(catalog, layer)
    fields = fields_of(catalog, layer)
    page = orjson.loads(b"".join(feature_collection([source.page(Query(limit=100)).features], {})))[
        "features"
    ]
    seen = source.look(Sight(WORLD, fields))
    written = orjson.loads(
        b"".join(feature_collection([features_of(patch, None, fields) for patch in seen.patches], {}))
    )["features"]
    assert written == [one for one in page if one["geometry"] is not None]
    assert written


def test_polygons_come_with_their_holes_and_parts(catalog: Catalog) -> None:
    for layer, key in (("transformer_district", "id"), ("county", "code")):
        expected = {row[key]: row["geom"] for _, row in PACKAGE[layer].iterrows()}
        (patch, *_) = drawn(catalog, layer).look(Sight(WORLD)).patches
        (feature, *_) = orjson.loads(b"".join(feature_collection([features_of(patch)], {})))["features"]
        assert shapely.equals_exact(shape(feature["geometry"]), expected[feature["id"]], 1e-7)


def test_the_live_state_follows_operations_and_moments(engine: Engine, catalog: Catalog) -> None:
    """FU1 feeds T2 and with it D2, C3 and C4; CB1 all of the first source."""
    sight = Sight(WORLD, ("energised", "open"))
    warm_up(engine)  # compiling inside a transaction can take longer than it may
    engine.record_operations([Operated("FU1", open=True, at=NOON + HOUR)])
    engine.record_operations([Operated("CB1", open=True, at=NOON + 3 * HOUR)])
    dark = [
        {id for id, live in lit(drawn(catalog, "customer_point").look(one)).items() if not live}
        for one in (Sight(WORLD, ("energised",), moment=NOON + k * HOUR) for k in (0, 2, 4))
    ]
    assert dark == [set(), {"C3", "C4"}, {"C1", "C2", "C3", "C4", "C5"}]
    assert lit(drawn(catalog, "transformer_district").look(sight)) == {"D1": False}
    assert lit(drawn(catalog, "substation").look(sight)) == {"ST1": True}
    switches = drawn(catalog, "switch").look(Sight(WORLD, ("open",), moment=NOON + 2 * HOUR))
    opened = [
        id
        for patch in switches.patches
        for id, open in zip(values_of(patch.ids, patch.rows), values_of(patch.live["open"]), strict=True)
        if open
    ]
    assert opened == ["FU1", "TIE"]
    # recorded late: what was looked at before is another look now
    stamp = drawn(catalog, "switch").stamp(Sight(WORLD, ("open",), moment=NOON + 5 * HOUR))
    engine.record_operations([Operated("CB2", open=True, at=NOON + 4 * HOUR)])
    assert drawn(catalog, "switch").stamp(Sight(WORLD, ("open",), moment=NOON + 5 * HOUR)) != stamp
    assert lit(drawn(catalog, "switch").look(replace_moment(sight, NOON + 5 * HOUR)))["TIE"] is False


def replace_moment(sight: Sight, moment: datetime) -> Sight:
    return Sight(sight.box, sight.fields, moment, sight.counties)


def test_an_operation_touches_the_polygons_of_its_districts(engine: Engine, catalog: Catalog) -> None:
    source: Any = drawn(catalog, "transformer_district")
    atlas: Atlas = source.atlas
    before = engine.current.get()
    row = before.topology.ids.row("switch", "CB1")
    assert row is not None
    after = before.switched(before.current.with_switching([row], [True]), {})
    (ring,) = [one for one in PACKAGE["transformer_district"].geometry if one is not None]
    assert atlas.touched(before, after)["transformer_district"].tolist() == [list(ring.bounds)]


def test_a_load_touches_where_its_county_was_and_is(engine: Engine, catalog: Catalog) -> None:
    source: Any = drawn(catalog, "corridor")
    atlas: Atlas = source.atlas
    source.look(Sight(WORLD))
    before = engine.current.get()
    frames = {layer: PACKAGE[layer].copy() for layer in store_layers()}
    mine = frames["corridor"]["county_code"] == NORTH
    frames["corridor"] = frames["corridor"].iloc[[*mine[mine].index[:1], *mine[~mine].index]]
    store.load_county(GridPackage.of(frames), NORTH, replace=True)
    found = atlas.touched(before, engine.current.get())
    bounds = [
        frame[frame["county_code"] == NORTH].total_bounds.tolist()
        for frame in (PACKAGE["corridor"], frames["corridor"])
    ]
    assert sorted(found["corridor"].tolist()) == sorted(bounds)
    assert {"county", "switch", "customer_point"} <= found.keys()


@pytest.mark.parametrize("layer", STORED)
def test_a_load_of_another_county_leaves_a_sheet_as_it_is(catalog: Catalog, layer: str) -> None:
    """What is made for a county, geometry and index, is made again only when the county is."""
    source = drawn(catalog, layer)
    before = {patch.county: patch for patch in source.look(Sight(WORLD)).patches}
    store.load_county(PACKAGE, SOUTH, replace=True)
    after = {patch.county: patch for patch in source.look(Sight(WORLD)).patches}
    assert before.keys() == after.keys()
    for county in before:
        assert (before[county].geometries is after[county].geometries) == (county == NORTH)
        assert values_of(before[county].ids) == values_of(after[county].ids)


def test_polygons_of_a_county_loaded_again_are_read_again(catalog: Catalog) -> None:
    source = drawn(catalog, "corridor")
    sight = Sight(WORLD, ("kind",), counties=frozenset({NORTH}))
    stamp = source.stamp(sight)
    frames = {layer: PACKAGE[layer].copy() for layer in store_layers()}
    frames["corridor"] = frames["corridor"][frames["corridor"]["id"] != "K-L1"]
    store.load_county(GridPackage.of(frames), NORTH, replace=True)
    assert source.stamp(sight) != stamp
    assert ids_in(source.look(sight)) == [(NORTH, "K-L2")]


def test_polygons_are_read_once_though_many_look(
    engine: Engine, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    source: Any = drawn(catalog, "corridor")
    stored = source.atlas.stored["corridor"]
    reads: list[Collection[str]] = []
    read = stored.read

    def counted(counties: Collection[str]) -> Any:
        reads.append(counties)
        return read(counties)

    object.__setattr__(stored, "read", counted)
    start = threading.Barrier(6)
    seen: list[Seen] = []

    def ask() -> None:
        start.wait()
        seen.append(source.look(Sight(WORLD)))

    asking = [threading.Thread(target=ask) for _ in range(6)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert reads == [[NORTH, SOUTH]]
    assert len({tuple(ids_in(one)) for one in seen}) == 1


def test_polygons_of_a_later_load_than_the_world_are_not_taken_for_its_own(
    engine: Engine, catalog: Catalog
) -> None:
    """The county was loaded again, and the engine has not read it yet: it is named, and not drawn wrongly."""
    source: Any = drawn(catalog, "corridor")
    world = engine.current.get()
    store.load_county(PACKAGE, SOUTH, replace=True)
    stored = source.atlas.stored["corridor"]
    sheets, lost = stored.sheets(engine, source.atlas.sheets, world, stored.runs(world)[0])
    assert (list(sheets), lost) == ([NORTH], [SOUTH])
    assert source.look(Sight(WORLD)).missing == ()


def test_a_county_that_cannot_be_read_is_named_and_picked_up_later(catalog: Catalog) -> None:
    """As when the node of its shards does not answer: the others are drawn, nobody takes that for all."""
    source: Any = drawn(catalog, "corridor")
    stored = source.atlas.stored["corridor"]
    read = stored.read

    def without_south(counties: Collection[str]) -> Any:
        return read([county for county in counties if county != SOUTH])[0], [SOUTH]

    object.__setattr__(stored, "read", without_south)
    seen = source.look(Sight(WORLD))
    assert ({patch.county for patch in seen.patches}, seen.missing) == ({NORTH}, (SOUTH,))
    assert source.look(Sight(WORLD, counties=frozenset({NORTH}))).missing == ()
    object.__setattr__(stored, "read", read)
    seen = source.look(Sight(WORLD))
    assert ({patch.county for patch in seen.patches}, seen.missing) == ({NORTH, SOUTH}, ())


def test_a_moment_is_read_from_the_log_once_as_long_as_nothing_moves(
    engine: Engine, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm_up(engine)
    reads: list[datetime] = []
    read = engine.current.source.switches_at

    def counted(at: datetime) -> Any:
        reads.append(at)
        return read(at)

    monkeypatch.setattr(engine.current.source, "switches_at", counted)
    sight = Sight(WORLD, ("energised",), moment=NOON + HOUR)
    for layer in ("switch", "line_section", "customer_point", "switch"):
        drawn(catalog, layer).look(sight)
    assert len(reads) == 1
    engine.record_operations([Operated("FU1", open=True, at=NOON + HOUR / 2)])
    assert lit(drawn(catalog, "customer_point").look(sight))["C3"] is False
    assert len(reads) == 2


def test_sheets_of_a_load_that_is_gone_are_let_go_of(engine: Engine, catalog: Catalog) -> None:
    source: Any = drawn(catalog, "switch")
    kept = []
    for _ in range(3):
        for layer in STORED:
            drawn(catalog, layer).look(Sight(WORLD))
        kept.append(len(source.atlas.sheets))
        store.load_county(PACKAGE, SOUTH, replace=True)
    assert kept == [kept[0]] * 3
