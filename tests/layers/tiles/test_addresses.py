"""Tiles over HTTP on the hand-drawn grid: expected are the pages of the same collections."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from shapely.geometry import shape

from layers.source import Box
from layers.tiles.features import feature_number
from layers.tiles.matrix import EXTENT, MATRIX_SETS, WEB_MERCATOR, WORLD_CRS84, Tile, TileMatrixSet
from tests.layers.tiles.decoder import Layer, decoded
from tests.live import LiveEngine
from tests.web.test_problems import problem

NETWORK = ["line_section", "switch", "power_transformer", "customer_point"]
DEEP = 16


def features(engine: LiveEngine, layer: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = engine.ask(f"/ogc/collections/{layer}/items?limit=1000")["features"]
    return found


def tiles_of(items: list[dict[str, Any]], z: int, grid: TileMatrixSet = WEB_MERCATOR) -> list[Tile]:
    found = {
        tile: None
        for one in items
        if one["geometry"]
        for tile in grid.tiles(Box(*shape(one["geometry"]).bounds), z)
    }
    return list(found)


def read(engine: LiveEngine, path: str) -> dict[str, Layer]:
    answer = engine.get(path)
    assert answer.status_code in (200, 204), answer.text
    if answer.status_code == 200:
        assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    return decoded(answer.content)


@pytest.mark.parametrize("layer", [*NETWORK, "transformer_district", "county", "substation", "corridor"])
def test_the_tiles_of_a_layer_hold_every_feature_with_its_state(still_engine: LiveEngine, layer: str) -> None:
    items = features(still_engine, layer)
    key = "code" if layer == "county" else "id"
    seen: dict[str, dict[str, Any]] = {}
    z = 8 if layer in ("county", "substation") else DEEP
    for tile in tiles_of(items, z):
        found = read(still_engine, f"/tiles/{layer}/{z}/{tile.x}/{tile.y}.mvt")
        for one in found[layer].features:
            assert one.id == feature_number(one.properties[key])
            seen[one.properties[key]] = one.properties
    assert set(seen) == {item["id"] for item in items if item["geometry"]}
    for item in items:
        if item["id"] in seen:
            told = {**item["properties"], key: item["id"]}
            assert seen[item["id"]].items() <= told.items()
            assert layer in ("county", "corridor") or "energised" in seen[item["id"]]


@pytest.mark.parametrize("grid", MATRIX_SETS.values(), ids=MATRIX_SETS)
def test_both_pyramids_put_a_point_where_it_is(still_engine: LiveEngine, grid: TileMatrixSet) -> None:
    (substation,) = features(still_engine, "substation")
    lon, lat = substation["geometry"]["coordinates"]
    (tile,) = tiles_of([substation], 12, grid)
    found = read(still_engine, f"/ogc/collections/substation/tiles/{grid.id}/12/{tile.y}/{tile.x}?f=mvt")
    ((place,),) = found["substation"].features[0].parts
    across, down = grid.place(lon, lat)
    columns, rows = grid.size(12)
    assert abs(place[0] - (across * columns - tile.x) * EXTENT) <= 0.5
    assert abs(place[1] - (down * rows - tile.y) * EXTENT) <= 0.5


def test_several_layers_come_in_one_tile_in_the_order_asked_for(still_engine: LiveEngine) -> None:
    tile = tiles_of(features(still_engine, "switch"), 14)[0]
    short = f"/tiles/switch,power_transformer,line_section/14/{tile.x}/{tile.y}.mvt"
    found = read(still_engine, short)
    assert list(found) == ["switch", "power_transformer", "line_section"]
    names = "switch,power_transformer,line_section"
    ogc = f"/ogc/tiles/WebMercatorQuad/14/{tile.y}/{tile.x}?collections={names}&f=mvt"
    assert still_engine.get(ogc).content == still_engine.get(short).content
    everything = read(still_engine, f"/ogc/tiles/WebMercatorQuad/14/{tile.y}/{tile.x}")
    assert {"line_section", "switch", "customer_point"} <= set(everything)


def test_far_away_only_what_is_large_is_shown_and_empty_tiles_have_no_content(
    still_engine: LiveEngine,
) -> None:
    tile = tiles_of(features(still_engine, "customer_point"), 9)[0]
    shown = read(still_engine, f"/ogc/tiles/WebMercatorQuad/9/{tile.y}/{tile.x}")
    assert "substation" in shown
    assert set(shown) <= {"county", "substation", "line_section", "feeder", "outage_area", "topology_issue"}
    empty = still_engine.get(f"/tiles/customer_point/9/{tile.x}/{tile.y}.mvt")
    assert (empty.status_code, empty.content) == (204, b"")
    assert empty.headers["etag"]


def test_attributes_can_be_chosen(still_engine: LiveEngine) -> None:
    tile = tiles_of(features(still_engine, "switch"), 14)[0]
    path = f"/tiles/switch/14/{tile.x}/{tile.y}.mvt"
    for one in read(still_engine, f"{path}?properties=kind,rated_current_a")["switch"].features:
        assert set(one.properties) <= {"kind", "rated_current_a"}
        assert one.properties["kind"]
    assert all(not one.properties for one in read(still_engine, f"{path}?properties=")["switch"].features)
    detail = problem(still_engine.get(f"{path}?properties=colour"), 400)["detail"]
    assert detail.startswith("properties: there is no 'colour'; there are id, ")


def test_tilejson_says_what_each_layer_has_and_from_which_level_on(still_engine: LiveEngine) -> None:
    told = still_engine.ask("/tiles/switch,customer_point.json")
    assert told["tilejson"] == "3.0.0"
    assert [(one["id"], one["minzoom"]) for one in told["vector_layers"]] == [
        ("switch", 13),
        ("customer_point", 14),
    ]
    assert told["vector_layers"][0]["fields"]["open"] == "Boolean"
    assert (told["minzoom"], told["maxzoom"]) == (13, 16)
    west, south, east, north = told["bounds"]
    every = shapely.union_all([shape(one["geometry"]) for one in features(still_engine, "switch")])
    assert shapely.box(west, south, east, north).buffer(1e-9).covers(every)
    (template,) = told["tiles"]
    tile = tiles_of(features(still_engine, "switch"), 14)[0]
    address = template.format(z=14, x=tile.x, y=tile.y)
    assert set(decoded(still_engine.client.get(address).content)) == {"switch", "customer_point"}
    assert "properties=open" in still_engine.ask("/tiles/switch.json?properties=open")["tiles"][0]


def test_a_client_walks_from_the_list_of_tilesets_to_a_tile(still_engine: LiveEngine) -> None:
    for path in ("/ogc/tiles", "/ogc/collections/switch/tiles"):
        tilesets = still_engine.ask(path)["tilesets"]
        assert [one["tileMatrixSetId"] for one in tilesets] == list(MATRIX_SETS)
        for listed in tilesets:
            links = {link["rel"]: link["href"] for link in listed["links"]}
            told = still_engine.client.get(links["self"]).json()
            assert told["dataType"] == "vector"
            assert {one["id"] for one in told["layers"]} >= {"switch"}
            matrices = still_engine.client.get(
                links["http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"]
            ).json()
            assert (matrices["id"], matrices["uri"]) == (told["tileMatrixSetId"], told["tileMatrixSetURI"])
            grid = MATRIX_SETS[told["tileMatrixSetId"]]
            assert listed["tileMatrixSetLimits"] == told["tileMatrixSetLimits"]
            for limit, matrix in zip(told["tileMatrixSetLimits"], matrices["tileMatrices"], strict=True):
                assert limit["tileMatrix"] == matrix["id"]
                assert (limit["minTileCol"], limit["maxTileCol"]) == (0, matrix["matrixWidth"] - 1)
                assert (limit["minTileRow"], limit["maxTileRow"]) == (0, matrix["matrixHeight"] - 1)
            tile = tiles_of(features(still_engine, "switch"), 14, grid)[0]
            (template,) = (
                one["href"] for one in told["links"] if one["rel"] == "item" and "mapbox" in one["type"]
            )
            address = template.format(tileMatrix=14, tileRow=tile.y, tileCol=tile.x)
            answer = still_engine.client.get(address)
            assert answer.status_code == 200, answer.text
            assert "switch" in decoded(answer.content)
    listed = still_engine.ask("/ogc/tileMatrixSets")["tileMatrixSets"]
    assert [one["uri"] for one in listed] == [grid.uri for grid in MATRIX_SETS.values()]


def test_a_matrix_set_has_the_scales_of_the_register(still_engine: LiveEngine) -> None:
    # OGC 17-083r4, annex D.1 and D.2: the first scale denominators
    for grid, scale in ((WEB_MERCATOR, 559_082_264.028717), (WORLD_CRS84, 279_541_132.014358)):
        first = still_engine.ask(f"/ogc/tileMatrixSets/{grid.id}")["tileMatrices"][0]
        assert first["scaleDenominator"] == pytest.approx(scale, rel=1e-9)
        assert (first["matrixWidth"], first["matrixHeight"]) == grid.size(0)


@pytest.mark.parametrize(
    "place",
    ["14/0/16384", "14/-1/0", "23/0/0", "x/0/0", "1/2/0", "2147483647/2147483647/2147483647", "1/1/1e0"],
)
def test_a_tile_that_cannot_be_is_told_so(still_engine: LiveEngine, place: str) -> None:
    z, x, y = place.split("/")
    for path in (f"/tiles/switch/{z}/{x}/{y}.mvt", f"/ogc/tiles/WebMercatorQuad/{z}/{y}/{x}"):
        assert "WebMercatorQuad has no tile at level" in problem(still_engine.get(path), 404)["detail"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/tiles/nothing/1/0/0.mvt", 404, "no collection is called 'nothing'"),
        ("/tiles/switch,switch/1/0/0.mvt", 400, "a name stands twice"),
        (f"/tiles/{'a,' * 70}b/1/0/0.mvt", 400, "64 at most"),
        ("/tiles/switch/1/0/0.mvt?datetime=yesterday", 400, "datetime: 'yesterday'"),
        ("/tiles/switch/1/0/0.mvt?datetime=2026-13-01T00:00:00Z", 400, "datetime: '2026-13-01T00:00:00Z'"),
        ("/tiles/switch/1/0/0.mvt?colour=red", 400, "colour: no such parameter here"),
        ("/ogc/tiles/Mars/1/0/0", 404, "there are WebMercatorQuad, WorldCRS84Quad"),
        ("/ogc/tileMatrixSets/Mars", 404, "there are WebMercatorQuad, WorldCRS84Quad"),
        ("/ogc/tiles/WebMercatorQuad/1/0/0?f=gif", 400, "use mvt or png"),
        ("/ogc/collections/switch/tiles?f=html", 400, "use json"),
        ("/ogc/collections/switch/tiles/WebMercatorQuad/1/0/0?collections=county", 400, "of one collection"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_sentence(
    still_engine: LiveEngine, path: str, status: int, says: str
) -> None:
    assert says in problem(still_engine.get(path), status)["detail"]


def test_a_client_that_has_the_tile_is_told_so_and_compression_is_the_same_tile(
    still_engine: LiveEngine,
) -> None:
    tile = tiles_of(features(still_engine, "switch"), 14)[0]
    path = f"/ogc/tiles/WebMercatorQuad/14/{tile.y}/{tile.x}?f=mvt"
    plain = still_engine.get(path, headers={"Accept-Encoding": "identity"})
    packed = still_engine.get(path, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content  # the client unpacked it
    assert packed.headers["etag"] == plain.headers["etag"]
    assert plain.headers["cache-control"] == "public, no-cache"
    assert {"Accept", "Accept-Encoding", "Authorization"} <= set(plain.headers["vary"].split(", "))
    again = still_engine.get(path, headers={"If-None-Match": f'"other", {plain.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == plain.headers["etag"]
    fresh = still_engine.get(path, headers={"If-None-Match": '"other"'})
    assert fresh.status_code == 200
    head = still_engine.client.head(path)
    assert (head.status_code, head.headers["etag"]) == (200, plain.headers["etag"])


def test_after_a_switch_operation_the_touched_tiles_are_others_and_the_rest_is_not(
    drawn_engine: LiveEngine,
) -> None:
    customers = features(drawn_engine, "customer_point")
    paths = [f"/tiles/customer_point/15/{t.x}/{t.y}.mvt" for t in tiles_of(customers, 15)]
    counties = [f"/tiles/corridor,county/15/{t.x}/{t.y}.mvt" for t in tiles_of(customers, 15)]
    before = {path: drawn_engine.get(path) for path in [*paths, *counties]}
    assert all(
        one.properties["energised"]
        for path in paths
        for one in decoded(before[path].content)["customer_point"].features
    )
    drawn_engine.operate({"id": "FU1", "open": True})
    dark = set()
    for path in paths:
        answer = drawn_engine.get(path, headers={"If-None-Match": before[path].headers["etag"]})
        assert answer.status_code == 200
        for one in decoded(answer.content)["customer_point"].features:
            if not one.properties["energised"]:
                dark.add(one.properties["id"])
    assert dark == {"C3", "C4"}
    for path in counties:
        again = drawn_engine.get(path, headers={"If-None-Match": before[path].headers["etag"]})
        assert again.status_code == 304


def test_a_tile_as_of_a_moment_shows_the_state_of_then(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "FU1", "open": True, "at": "2026-03-01T08:00:00Z"})
    customers = features(drawn_engine, "customer_point")

    def dark(moment: str) -> set[str]:
        return {
            one.properties["id"]
            for tile in tiles_of(customers, 15)
            for one in read(
                drawn_engine, f"/tiles/customer_point/15/{tile.x}/{tile.y}.mvt?datetime={moment}"
            )["customer_point"].features
            if not one.properties["energised"]
        }

    assert dark("2026-03-01T07:59:59Z") == set()
    assert dark("2026-03-01T16:00:01%2B08:00") == {"C3", "C4"}


def test_the_service_of_features_tells_of_its_tiles(still_engine: LiveEngine) -> None:
    classes = still_engine.ask("/ogc/conformance")["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core" in classes
    rel = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
    documents = [still_engine.ask("/ogc/"), *still_engine.ask("/ogc/collections")["collections"]]
    for document in documents:
        (address,) = (link["href"] for link in document["links"] if link["rel"] == rel)
        assert len(still_engine.client.get(address).json()["tilesets"]) == len(MATRIX_SETS)
    paths = still_engine.ask("/ogc/api")["paths"]
    assert "/collections/{collectionId}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}" in paths
