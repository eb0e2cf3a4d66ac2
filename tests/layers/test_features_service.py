"""OGC API – Features over a real engine: what the abstract tests of the standard ask of a service.

Tests name the requirement (OGC 17-069r4, 18-058r1, 19-079r2). Expected features are those of the package.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import geopandas as gpd
import httpx
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
import shapely
from openapi_spec_validator import OpenAPIV30SpecValidator
from owslib.ogcapi.features import Features as Client

from layers.features.crs import CRS84, EPSG
from layers.features.documents import QUERYABLES
from tests.drawn import drawn_package
from tests.layers.test_items import COUNTS, pages
from tests.live import LiveEngine
from tests.web.test_problems import problem

PACKAGE = drawn_package()
ITEMS = "/ogc/collections/{}/items"


def rels(document: Any) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for link in document["links"]:
        found.setdefault(link["rel"], []).append(link)
    return found


def every_link(engine: LiveEngine) -> Iterator[dict[str, str]]:
    yield from engine.ask("/ogc/")["links"]
    for path in ("/ogc/conformance", "/ogc/collections", ITEMS.format("switch") + "?limit=2"):
        yield from engine.ask(path)["links"]
    for one in engine.ask("/ogc/collections")["collections"]:
        yield from one["links"]
    yield from engine.ask(ITEMS.format("switch") + "/TIE")["links"]


@pytest.mark.parametrize("path", ["/ogc", "/ogc/"])
def test_the_landing_page_leads_to_everything(still_engine: LiveEngine, path: str) -> None:
    """Requirements 1 and 2, /req/core/root-op and root-success."""
    found = rels(still_engine.ask(path))
    assert {"self", "alternate", "service-desc", "service-doc", "conformance", "data"} <= set(found)
    (described,) = found["service-desc"]
    assert described["type"] == "application/vnd.oai.openapi+json;version=3.0"


def test_every_link_is_answered_in_the_type_it_says(still_engine: LiveEngine) -> None:
    links = {(one["href"], one["type"]) for one in every_link(still_engine)}
    assert len(links) > 60
    for href, media_type in sorted(links):
        answer = still_engine.get(href, headers={"Accept": media_type})
        assert answer.status_code == 200, href
        assert answer.headers["content-type"].split("; ")[0] == media_type.split("; ")[0], href


def test_declared_classes_are_those_of_what_is_tested_here(still_engine: LiveEngine) -> None:
    """Requirement 6, /req/core/conformance-success."""
    declared = still_engine.ask("/ogc/conformance")["conformsTo"]
    assert len(set(declared)) == len(declared)
    for part in (
        "1/1.0/conf/core",
        "1/1.0/conf/oas30",
        "1/1.0/conf/html",
        "2/1.0/conf/crs",
        "3/1.0/conf/filter",
    ):
        assert f"http://www.opengis.net/spec/ogcapi-features-{part}" in declared


def test_the_api_is_valid_openapi_and_names_every_address_and_parameter(still_engine: LiveEngine) -> None:
    """Requirements 80 and 81, /req/oas30/oas-definition-1 and oas-impl."""
    answer = still_engine.get("/ogc/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    OpenAPIV30SpecValidator(document).validate()
    for layer in COUNTS:
        get = document["paths"][f"/collections/{layer}/items"]["get"]
        for parameter in get["parameters"]:
            name = parameter["name"]
            refused = still_engine.get(ITEMS.format(layer), params={name: "\0"})
            assert "no such parameter" not in refused.text, (layer, name)
        names = {one["name"] for one in get["parameters"]}
        queryable = still_engine.ask(f"/ogc/collections/{layer}/queryables")["properties"]
        assert set(queryable) - {"geometry"} <= names


@pytest.mark.parametrize(
    "path",
    [
        "/ogc/",
        "/ogc/conformance",
        "/ogc/collections",
        "/ogc/collections/switch",
        "/ogc/collections/switch/queryables",
        "/ogc/api",
        ITEMS.format("switch"),
        ITEMS.format("switch") + "/TIE",
    ],
)
def test_unknown_parameters_are_refused_and_head_and_html_answered_everywhere(
    still_engine: LiveEngine, path: str
) -> None:
    """Requirement 8, /req/core/query-param-unknown; /req/html/definition."""
    assert (
        "unknownParameter" in problem(still_engine.get(path, params={"unknownParameter": "1"}), 400)["detail"]
    )
    page = still_engine.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text.startswith("<!DOCTYPE html>")
    assert "http" not in page.text.replace(f"http://127.0.0.1:{still_engine.port}", "").replace(
        "http://www.opengis.net", ""
    ).replace("https://json-schema.org", ""), "no other host is needed"
    head = still_engine.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    problem(still_engine.get(path, headers={"Accept": "image/png"}), 406)
    assert still_engine.get(path, headers={"Accept": "image/png"}, params={"f": "json"}).status_code == 200


def test_a_page_says_when_and_how_much_it_is(still_engine: LiveEngine) -> None:
    """Requirements 28 to 31, /req/core/fc-links, fc-timeStamp, fc-numberMatched, fc-numberReturned."""
    page = still_engine.ask(ITEMS.format("customer_point"), params={"limit": 4})
    assert (page["numberReturned"], page["numberMatched"]) == (4, 6)
    assert datetime.fromisoformat(page["timeStamp"]).tzinfo is not None
    found = rels(page)
    assert {one["type"] for one in found["alternate"]} >= {"text/html"}
    assert found["self"][0]["type"] == found["next"][0]["type"] == "application/geo+json"
    rest = still_engine.ask(found["next"][0]["href"])
    assert (rest["numberReturned"], rest["numberMatched"]) == (2, 6)
    boxed = still_engine.ask(ITEMS.format("customer_point"), params={"limit": 1, "bbox": "107,22,109,23"})
    assert (boxed["numberReturned"], boxed["numberMatched"]) == (1, 6)


@pytest.mark.parametrize(
    ("layer", "condition", "expected"),
    [
        ("customer_point", {"customer_class": "residential"}, "customer_class == 'residential'"),
        ("customer_point", {"filter": "contracted_kva > 20"}, "contracted_kva > 20"),
        (
            "line_section",
            {"filter": "construction = 'underground' OR length_m < 50"},
            "construction == 'underground' or length_m < 50",
        ),
        (
            "switch",
            {"kind": "breaker", "filter": "id LIKE 'C%'"},
            "kind == 'breaker' and id.str.startswith('C')",
        ),
        (
            "switch",
            {"filter": "kind IN ('fuse','breaker') AND NOT normal_open"},
            "kind in ('fuse', 'breaker')",
        ),
        ("county", {"filter": "S_INTERSECTS(geometry, POINT(108.0005 22.8005))"}, None),
    ],
)
def test_filters_keep_what_pandas_keeps(
    still_engine: LiveEngine, layer: str, condition: dict[str, str], expected: str | None
) -> None:
    query = "&".join(f"{name}={value}" for name, value in condition.items())
    found = [one["id"] for one in pages(still_engine, f"{ITEMS.format(layer)}?limit=2&{query}")]
    frame = PACKAGE[layer]
    if expected is None:
        kept = frame[frame.geometry.intersects(shapely.Point(108.0005, 22.8005))]
    else:
        kept = frame.query(expected, engine="python")
        if "normal_open" in query:
            kept = kept[~kept.normal_open.astype(bool)]
    assert sorted(found) == sorted(kept["code" if layer == "county" else "id"])


def test_text_and_json_filters_in_another_system_keep_the_same(still_engine: LiveEngine) -> None:
    """19-079r2, /req/filter/filter-lang-param and filter-crs-param."""
    west, south, east, north = 107.9995, 22.7995, 108.0015, 22.8025
    expected = still_engine.ask(ITEMS.format("switch"), params={"bbox": f"{west},{south},{east},{north}"})
    ids = [one["id"] for one in expected["features"]]
    assert ids
    text = f"S_INTERSECTS(geometry,BBOX({south},{west},{north},{east}))"
    box = f'{{"bbox":[{south},{west},{north},{east}]}}'
    json = f'{{"op":"s_intersects","args":[{{"property":"geometry"}},{box}]}}'
    for language, written in (("cql2-text", text), ("cql2-json", json)):
        asked = {"filter": written, "filter-lang": language, "filter-crs": f"{EPSG}4326"}
        found = still_engine.ask(ITEMS.format("switch"), params=asked)
        assert [one["id"] for one in found["features"]] == ids


def test_conditions_on_live_state_are_kept_page_by_page(drawn_engine: LiveEngine) -> None:
    drawn_engine.operate({"id": "FU1", "open": True})
    for limit in (1, 3, 100):
        path = f"{ITEMS.format('customer_point')}?limit={limit}&filter="
        assert [one["id"] for one in pages(drawn_engine, path + "energised = FALSE")] == ["C3", "C4"]
        assert len(pages(drawn_engine, path + "energised")) == 4
        mixed = pages(drawn_engine, path + "energised OR id = 'C3'")
        assert sorted(one["id"] for one in mixed) == ["C1", "C2", "C3", "C5", "C6"]
        both = pages(drawn_engine, path + "NOT energised AND id > 'C3'")
        assert [one["id"] for one in both] == ["C4"]
    moved = pages(drawn_engine, f"{ITEMS.format('switch')}?filter=open <> normal_open")
    assert [one["id"] for one in moved] == ["FU1"]
    opened = pages(drawn_engine, f"{ITEMS.format('switch')}?open=true")
    assert {one["id"] for one in opened} == {"FU1", "TIE"}


@pytest.mark.parametrize("layer", COUNTS)
def test_every_offered_system_is_what_pyproj_makes_of_it(still_engine: LiveEngine, layer: str) -> None:
    """18-058r1, /req/crs/crs-parameter, crs-action and content-crs; the oracle is geopandas."""
    collection = still_engine.ask(f"/ogc/collections/{layer}")
    assert collection["storageCrs"] == CRS84
    assert collection["crs"][0] == CRS84
    assert {f"{EPSG}{code}" for code in (4326, 3857, 4490, 4545, 32649)} <= set(collection["crs"])
    plain = gpd.GeoDataFrame.from_features(still_engine.ask(ITEMS.format(layer)), crs=4326)
    for uri in collection["crs"]:
        answer = still_engine.get(ITEMS.format(layer), params={"crs": uri})
        assert answer.headers["content-crs"] == f"<{uri}>"
        got = gpd.GeoDataFrame.from_features(answer.json()).geometry
        system = pyproj.CRS("OGC:CRS84" if uri == CRS84 else f"EPSG:{uri.rsplit('/')[-1]}")
        expected = plain.to_crs(system).geometry  # geopandas has x first, whatever the authority says
        if system.axis_info[0].direction == "north":
            expected = gpd.GeoSeries(shapely.transform(expected.array, lambda xy: xy[:, ::-1]))
        there = ~expected.is_empty & expected.notna()
        assert there.any() or layer == "transformer_district"
        tolerance = 1e-7 if system.is_geographic else 0.02
        assert shapely.equals_exact(got[there].array, expected[there].array, tolerance).all(), uri


def test_a_feature_alone_has_a_system_as_well(still_engine: LiveEngine) -> None:
    path = ITEMS.format("switch") + "/TIE"
    lon, lat = still_engine.ask(path)["geometry"]["coordinates"]
    answer = still_engine.get(path, params={"crs": f"{EPSG}4326"})
    assert answer.json()["geometry"]["coordinates"] == [lat, lon]
    assert answer.headers["content-crs"] == f"<{EPSG}4326>"
    problem(still_engine.get(path, params={"crs": f"{EPSG}2056"}), 400)


@pytest.mark.parametrize("code", [4326, 3857, 4490, 4545, 32649])
def test_a_box_of_another_system_keeps_what_meets_it_there(still_engine: LiveEngine, code: int) -> None:
    """18-058r1, /req/crs/fc-bbox-crs-action."""
    system = pyproj.CRS.from_epsg(code)
    frame = PACKAGE["customer_point"].to_crs(system)
    left, bottom, right, top = frame.geometry.total_bounds
    right, top = (left + right) / 2, (bottom + top) / 2
    expected = frame[frame.geometry.intersects(shapely.box(left, bottom, right, top).buffer(1e-9))]
    box = [left, bottom, right, top]
    if system.axis_info[0].direction == "north":
        box = [bottom, left, top, right]
    margin = 1e-9 if system.is_geographic else 1e-3
    box = [box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin]
    asked = {"bbox": ",".join(map(repr, map(float, box))), "bbox-crs": f"{EPSG}{code}"}
    found = still_engine.ask(ITEMS.format("customer_point"), params=asked)["features"]
    assert sorted(one["id"] for one in found) == sorted(expected["id"])
    assert 0 < len(found) < len(frame)
    spot = ",".join(map(repr, map(float, (*box[:2], *box[:2]))))
    point = still_engine.ask(ITEMS.format("customer_point"), params={**asked, "bbox": spot})
    assert point["features"] == []  # the corner of the margin


@pytest.mark.parametrize(
    "value",
    [
        "2018-02-12T23:20:52Z",
        "2018-02-12T00:00:00Z/2018-03-18T12:31:12Z",
        "../2018-03-18T12:31:12Z",
        "2018-02-12T00:00:00Z/..",
        "2018-02-12T00:00:00+08:00/2999-03-18T12:31:12Z",
        "2018-02-12",
        "/2020-01-01",
    ],
)
def test_a_time_leaves_no_feature_out(still_engine: LiveEngine, value: str) -> None:
    """Requirement 26, /req/core/fc-time-response: features without a time of their own always match."""
    found = still_engine.ask(ITEMS.format("switch"), params={"datetime": value})
    assert found["numberMatched"] == COUNTS["switch"]


def test_properties_are_chosen_and_keep_their_order(still_engine: LiveEngine) -> None:
    found = still_engine.ask(ITEMS.format("switch"), params={"properties": "kind,id", "limit": 1})["features"]
    assert list(found[0]["properties"]) == ["id", "kind"]


def read_export(answer: httpx.Response, form: str) -> Any:
    if form == "csv":
        return pd.read_csv(io.BytesIO(answer.content))
    return (
        gpd.read_parquet(io.BytesIO(answer.content))
        if form == "parquet"
        else pyogrio.read_dataframe(answer.content)
    )


@pytest.mark.parametrize("form", ["csv", "fgb", "parquet"])
@pytest.mark.parametrize("layer", COUNTS)
def test_files_of_other_formats_hold_the_same_features(
    still_engine: LiveEngine, layer: str, form: str
) -> None:
    expected = gpd.GeoDataFrame.from_features(still_engine.ask(ITEMS.format(layer)), crs=4326)
    answer = still_engine.get(ITEMS.format(layer), params={"f": form})
    assert answer.headers["content-disposition"] == f'attachment; filename="{layer}.{form}"'
    found = read_export(answer, form)
    key = "code" if layer == "county" else "id"
    found = found.sort_values(key).reset_index(drop=True)
    if expected.empty:
        assert len(found) == 0
        return
    expected = expected.sort_values(key).reset_index(drop=True)
    assert list(found[key].astype(str)) == list(expected[key])
    for name in set(expected.columns) - {"geometry"}:
        got, wanted = found[name], expected[name]
        if form == "csv":  # pandas takes an empty text for none
            wanted = wanted.replace("", None)
        assert list(got.isna()) == list(wanted.isna()), name
        kept = wanted.notna()
        if wanted[kept].map(type).eq(float).all():
            assert np.allclose(got[kept].astype(float), wanted[kept].astype(float)), name
        else:
            assert list(got[kept].astype(str)) == list(wanted[kept].astype(str)), name
    if form == "csv":
        shapes = (
            np.where(found.lon.isna(), None, shapely.points(found.lon.fillna(0), found.lat.fillna(0)))
            if "lon" in found
            else shapely.from_wkt(found.wkt.fillna("POINT EMPTY"))
        )
    else:
        assert found.crs is not None
        shapes = found.geometry.array
    shapes = np.asarray(shapes, dtype=object)
    there = expected.geometry.notna().to_numpy()
    assert (shapely.is_missing(shapes) | shapely.is_empty(shapes)).tolist() == (~there).tolist()
    assert shapely.equals_exact(shapes[there], np.asarray(expected.geometry, dtype=object)[there], 2e-7).all()


def test_a_file_says_where_the_next_one_begins(still_engine: LiveEngine) -> None:
    first = still_engine.get(ITEMS.format("switch"), params={"f": "csv", "limit": 3})
    second = still_engine.get(first.links["next"]["url"])
    ids = [*pd.read_csv(io.BytesIO(first.content)).id, *pd.read_csv(io.BytesIO(second.content)).id]
    assert ids == [one["id"] for one in still_engine.ask(ITEMS.format("switch"))["features"]]
    assert "next" not in second.links


def test_owslib_reads_it_as_a_client_does(still_engine: LiveEngine) -> None:
    client = Client(f"http://127.0.0.1:{still_engine.port}/ogc/")
    assert client.feature_collections() == list(COUNTS)
    assert "id" in client.collection_queryables("switch")["properties"]
    found = client.collection_items("switch", filter="id = 'TIE'", limit=3)
    assert [one["id"] for one in found["features"]] == ["TIE"]
    assert [one["rel"] for one in client.collection("switch")["links"] if one["rel"] == QUERYABLES] == [
        QUERYABLES
    ]
