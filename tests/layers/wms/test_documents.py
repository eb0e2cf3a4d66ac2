"""Capabilities, feature information and legends."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from PIL import Image

from layers.service import Contact
from layers.wms.asking import MAX_SIDE
from tests.layers.wms.handmade_service import MAP, OLD_MAP, PLACE, HandService

HREF = "{http://www.w3.org/1999/xlink}href"
ABOUT = {"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetCapabilities"}
LAYER_ORDER = (
    "Name",
    "Title",
    "Abstract",
    "KeywordList",
    "CRS",
    "EX_GeographicBoundingBox",
    "BoundingBox",
    "Dimension",
    "Attribution",
    "MetadataURL",
    "Style",
    "MinScaleDenominator",
    "MaxScaleDenominator",
    "Layer",
)
INFO = {**MAP, "REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "place", "INFO_FORMAT": "application/json"}


def test_the_version_is_negotiated() -> None:
    # OGC 06-042, 6.2.4: the version asked for, the highest below it, or the lowest there is
    for asked, given in {
        "1.3.0": "1.3.0",
        "1.1.1": "1.1.1",
        "1.2.0": "1.1.1",
        "9.9.9": "1.3.0",
        "1.0.0": "1.1.1",
    }.items():
        assert HandService().document({**ABOUT, "VERSION": asked}).get("version") == given
    assert HandService().document({"SERVICE": "WMS", "REQUEST": "GetCapabilities"}).get("version") == "1.3.0"


def test_capabilities_say_where_a_layer_is_told_of_and_who_runs_the_service() -> None:
    """Elements and their order: OGC 06-042, annex E.1; nothing is told of a contact that nobody named."""
    plain = HandService().document(ABOUT)
    assert plain.find("Service/ContactInformation") is None
    addresses = [one.get(HREF) for one in plain.findall("Capability/Layer/Layer/MetadataURL/OnlineResource")]
    assert [str(one).partition("/ogc/")[2] for one in addresses] == [
        f"collections/{layer.findtext('Name')}?f=json" for layer in plain.findall("Capability/Layer/Layer")
    ]
    (whole,) = plain.findall("Capability/Layer/MetadataURL/OnlineResource")
    assert str(whole.get(HREF)).endswith("/ogc/collections?f=json")
    service = HandService(contact=Contact("Grid Ltd & Co", "Ada", "ada@example.org"))
    for version in ("1.3.0", "1.1.1"):
        told = service.document({**ABOUT, "VERSION": version}).find("Service")
        assert told is not None
        contact = told.find("ContactInformation")
        assert contact is not None
        assert contact.findtext("ContactPersonPrimary/ContactPerson") == "Ada"
        assert contact.findtext("ContactPersonPrimary/ContactOrganization") == "Grid Ltd & Co"
        assert contact.findtext("ContactElectronicMailAddress") == "ada@example.org"
        assert [child.tag for child in contact] == ["ContactPersonPrimary", "ContactElectronicMailAddress"]
        order = [child.tag for child in told]
        assert order.index("OnlineResource") < order.index("ContactInformation") < order.index("Fees")


def test_an_address_has_every_element_that_the_schema_wants() -> None:
    """Elements and their order: OGC 06-042, annex E.1, and the DTD of OGC 01-068r3."""
    service = HandService(contact=Contact("Grid Ltd", telephone="+49 1", city="Ulm"))
    for version in ("1.3.0", "1.1.1"):
        contact = service.document({**ABOUT, "VERSION": version}).find("Service/ContactInformation")
        assert contact is not None
        assert [child.tag for child in contact] == [
            "ContactPersonPrimary",
            "ContactAddress",
            "ContactVoiceTelephone",
        ]
        assert contact.findtext("ContactVoiceTelephone") == "+49 1"
        address = contact.find("ContactAddress")
        assert address is not None
        assert {child.tag: child.text or "" for child in address} == {
            "AddressType": "postal",
            "Address": "",
            "City": "Ulm",
            "StateOrProvince": "",
            "PostCode": "",
            "Country": "",
        }


def test_the_update_sequence_follows_its_rules() -> None:
    service = HandService()
    current = service.document(ABOUT).get("updateSequence")
    assert current == "21"  # versions 17 and 4 of the two counties
    assert service.code({**ABOUT, "UPDATESEQUENCE": "21"}) == "CurrentUpdateSequence"
    assert service.code({**ABOUT, "UPDATESEQUENCE": "22"}) == "InvalidUpdateSequence"
    assert service.document({**ABOUT, "UPDATESEQUENCE": "20"}).tag == "WMS_Capabilities"


def test_every_layer_tells_its_place_its_styles_and_its_legends() -> None:
    root = HandService().document(ABOUT).find("Capability/Layer")
    assert root is not None
    names = [one.findtext("Name") for one in root.findall("Layer")]
    assert sorted(map(str, names)) == ["area", "line_section", "place"]
    for layer in root.findall("Layer"):
        assert layer.get("queryable") == "1"
        assert layer.find("EX_GeographicBoundingBox/westBoundLongitude") is not None
        assert layer.find("Style/LegendURL/OnlineResource") is not None
        # the order of the schema's sequence (capabilities_1_3_0.xsd, element Layer)
        ranks = [LAYER_ORDER.index(child.tag) for child in layer]
        assert ranks == sorted(ranks)
    systems = [one.text for one in root.findall("CRS")]
    assert systems[:4] == ["CRS:84", "EPSG:4326", "EPSG:3857", "EPSG:4490"]
    assert "EPSG:32649" in systems  # UTM zone 49 north, 108° to 114°
    assert "EPSG:4545" in systems  # Gauss–Krüger around 108°
    assert "EPSG:32632" not in systems
    boxes = {box.get("CRS"): box for box in root.findall("BoundingBox")}
    assert float(boxes["EPSG:4326"].get("minx", "")) == pytest.approx(float(boxes["CRS:84"].get("miny", "")))
    assert HandService().document(ABOUT).findtext("Service/MaxWidth") == str(MAX_SIDE)


def test_a_map_can_be_asked_of_the_box_of_a_layer_that_is_one_point() -> None:
    service = HandService()
    box = service.document(ABOUT).find("Capability/Layer/Layer[Name='place']/BoundingBox[@CRS='CRS:84']")
    assert box is not None
    sides = [box.get(side, "") for side in ("minx", "miny", "maxx", "maxy")]
    assert service.picture({**MAP, "BBOX": ",".join(sides)}).any()


def test_an_extent_tells_of_no_county_that_the_caller_may_not_see() -> None:
    service = HandService()
    service.ask(ABOUT)
    assert service.layers[0].looked == []  # nor is a feature looked at for it


def test_feature_information_is_what_shapely_finds_within_the_tolerance() -> None:
    service = HandService()
    lines = service.layers[1].frame
    asked = {
        **INFO,
        "LAYERS": "line_section",
        "STYLES": "voltage",
        "QUERY_LAYERS": "line_section",
        "FEATURE_COUNT": "100",
    }
    rng = np.random.default_rng(2)
    found_any = 0
    for i, j in rng.integers(0, [200, 100], (25, 2)).tolist():
        answer = orjson.loads(service.ask({**asked, "I": str(i), "J": str(j), "BUFFER": "4"}).content)
        # 200 by 100 pixels of 0.0005 degrees; pixel centres
        place = shapely.Point(108.3 + (i + 0.5) * 5e-4, 22.85 - (j + 0.5) * 5e-4)
        far = shapely.distance(np.asarray(lines.geometry), place) / 5e-4
        shown = np.asarray(lines["base_voltage_kv"]) >= 1  # low voltage is not drawn at 1:199,000
        expected = {str(id) for id in lines["id"][(far <= 4) & shown]}
        assert {one["properties"]["id"] for one in answer["features"]} == expected
        found_any += len(expected)
    assert found_any > 20


def test_feature_information_has_the_values_and_the_place() -> None:
    answer = orjson.loads(HandService().ask({**INFO, "I": "100", "J": "60"}).content)
    (one,) = answer["features"]
    assert one["properties"]["note"] == "a & b <c>"
    assert one["geometry"] == {"type": "Point", "coordinates": list(PLACE)}
    area = orjson.loads(
        HandService().ask({**INFO, "LAYERS": "area", "QUERY_LAYERS": "area", "I": "50", "J": "60"}).content
    )
    shape: Any = shapely.from_geojson(orjson.dumps(area["features"][0]["geometry"]))
    assert shape.normalize().equals_exact(HandService().layers[2].frame.geometry.iloc[0].normalize(), 1e-8)


@pytest.mark.parametrize("format", ["text/html", "text/plain", "application/vnd.ogc.gml"])
def test_feature_information_escapes_what_it_shows(format: str) -> None:
    answer = HandService().ask({**INFO, "INFO_FORMAT": format, "I": "100", "J": "60"})
    assert answer.headers["Content-Type"].startswith(format)
    said = answer.content.decode()
    assert ("a &amp; b &lt;c&gt;" in said) == (format != "text/plain")
    if format.endswith("gml"):
        assert (
            HandService().document({**INFO, "INFO_FORMAT": format, "I": "100", "J": "60"}).tag
            == "FeatureCollection"
        )


def test_a_place_beside_the_map_or_a_layer_that_is_not_there_is_refused() -> None:
    service = HandService()
    assert service.code({**INFO, "I": "200", "J": "0"}) == "InvalidPoint"
    assert service.code({**INFO, "I": "0", "J": "x"}) == "InvalidPoint"
    assert service.code({**INFO, "I": "0000000010", "J": "000000001" + "9" * 5000}) == "InvalidPoint"
    assert service.code({**INFO, "I": "0", "J": "0", "QUERY_LAYERS": "none"}) == "LayerNotDefined"
    assert service.code({**INFO, "I": "0", "J": "0", "INFO_FORMAT": "a/b"}) == "InvalidFormat"
    old = {**OLD_MAP, "REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "place", "INFO_FORMAT": "text/plain"}
    assert service.code({**old, "X": "999", "Y": "0"}) == "InvalidPoint"
    assert b"place-0" in service.ask({**old, "X": "100", "Y": "60"}).content


def test_a_legend_is_as_large_as_the_capabilities_say_and_shows_each_colour() -> None:
    service = HandService()
    layer = next(
        one
        for one in service.document(ABOUT).findall("Capability/Layer/Layer")
        if one.findtext("Name") == "line_section"
    )
    told = layer.find("Style/LegendURL")
    assert told is not None
    answer = service.ask({"REQUEST": "GetLegendGraphic", "LAYER": "line_section", "FORMAT": "image/png"})
    pixels = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    assert pixels.shape[:2] == (int(told.get("height", "")), int(told.get("width", "")))
    colours = {tuple(one) for one in pixels.reshape(-1, 3).tolist()}
    assert {(0xB0, 0x3A, 0x34), (0xE0, 0x30, 0x4F), (0x7D, 0x1F, 0x8C)} <= colours  # 10, 110 and 220 kV
    near = service.ask(
        {"REQUEST": "GetLegendGraphic", "LAYER": "line_section", "FORMAT": "image/png", "SCALE": "1000000"}
    )
    assert np.asarray(Image.open(io.BytesIO(near.content))).shape[0] < pixels.shape[0]
