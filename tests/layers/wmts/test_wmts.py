"""WMTS on the hand-drawn grid: what OWSLib and GDAL read of it, and what it refuses."""

from __future__ import annotations

import io
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from owslib.wmts import WebMapTileService
from PIL import Image
from shapely.geometry import shape

from layers.service import Contact
from layers.source import Box
from layers.tiles.matrix import MATRIX_SETS, WEB_MERCATOR, TileMatrixSet
from layers.wms.feature_info import INFO_FORMATS
from layers.wmts.capabilities import capabilities
from tests.live import LiveEngine

GOOD = {
    "SERVICE": "WMTS",
    "REQUEST": "GetTile",
    "VERSION": "1.0.0",
    "LAYER": "switch",
    "STYLE": "default",
    "FORMAT": "image/png",
    "TILEMATRIXSET": "WebMercatorQuad",
    "TILEMATRIX": "18",
}
INFO = {"REQUEST": "GetFeatureInfo", "J": "1", "I": "1", "INFOFORMAT": "application/json"}
OWS = "{http://www.opengis.net/ows/1.1}"


def place(engine: LiveEngine, z: int = 18, grid: TileMatrixSet = WEB_MERCATOR) -> dict[str, str]:
    """The tile of the first switch."""
    (first, *_) = engine.ask("/ogc/collections/switch/items")["features"]
    tile = next(iter(grid.tiles(Box(*shape(first["geometry"]).bounds), z)))
    return {"TILEMATRIX": str(z), "TILEROW": str(tile.y), "TILECOL": str(tile.x)}


def picture(content: bytes) -> np.ndarray[Any, Any]:
    image = Image.open(io.BytesIO(content))
    assert image.size == (256, 256)
    return np.asarray(image.convert("RGBA"))


def fault(answer: Any, code: str, locator: str | None = None, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/xml")
    exception, *others = ElementTree.fromstring(answer.content)
    assert [one.attrib for one in others] == (
        [{"exceptionCode": "TileOutOfRange", "locator": locator}] if code == "PointIJOutOfRange" else []
    )
    assert exception.attrib["exceptionCode"] == code
    assert exception.attrib.get("locator") == locator
    (text,) = exception
    assert text.text
    return text.text


@pytest.mark.parametrize("grid", MATRIX_SETS.values(), ids=MATRIX_SETS)
def test_a_tile_is_the_same_by_parameters_by_its_path_and_by_ogc_api(
    still_engine: LiveEngine, grid: TileMatrixSet
) -> None:
    where = place(still_engine, 18, grid)
    z, y, x = where.values()
    answer = still_engine.get("/wmts", params={**GOOD, **where, "TILEMATRIXSET": grid.id})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    drawn = picture(answer.content)
    assert (drawn[..., 3] > 0).any()
    assert (drawn[..., 3] == 0).any()
    rest = still_engine.get(f"/wmts/1.0.0/switch/default/{grid.id}/{z}/{y}/{x}.png")
    ogc = still_engine.get(f"/ogc/collections/switch/tiles/{grid.id}/{z}/{y}/{x}?f=png")
    accepted = still_engine.get(
        f"/ogc/collections/switch/tiles/{grid.id}/{z}/{y}/{x}", headers={"Accept": "image/png,*/*"}
    )
    assert answer.content == rest.content == ogc.content == accepted.content
    assert answer.headers["etag"] == rest.headers["etag"] == ogc.headers["etag"]
    again = still_engine.get(
        "/wmts",
        params={**GOOD, **where, "TILEMATRIXSET": grid.id},
        headers={"If-None-Match": answer.headers["etag"]},
    )
    assert again.status_code == 304


def test_a_tile_shows_what_the_wms_shows_of_its_box(still_engine: LiveEngine) -> None:
    where = place(still_engine)
    z, y, x = (int(value) for value in where.values())
    side = -2 * WEB_MERCATOR.origin[0] / 2**z
    west, north = WEB_MERCATOR.origin[0] + x * side, WEB_MERCATOR.origin[1] - y * side
    map_asked = {
        "SERVICE": "WMS",
        "REQUEST": "GetMap",
        "VERSION": "1.3.0",
        "LAYERS": "switch",
        "STYLES": "",
        "CRS": "EPSG:3857",
        "BBOX": f"{west!r},{north - side!r},{west + side!r},{north!r}",
        "WIDTH": "256",
        "HEIGHT": "256",
        "FORMAT": "image/png",
        "TRANSPARENT": "TRUE",
    }
    ours = picture(still_engine.get("/wmts", params={**GOOD, **where}).content)
    theirs = picture(still_engine.get("/wms", params=map_asked).content)
    assert np.array_equal(ours, theirs)


def test_owslib_reads_every_layer_and_a_tile_of_it(still_engine: LiveEngine) -> None:
    address = f"http://127.0.0.1:{still_engine.port}/wmts"
    service = WebMapTileService(address)
    collections = [one["id"] for one in still_engine.ask("/ogc/collections")["collections"]]
    assert list(service.contents) == ["grid", *collections]
    assert set(service.tilematrixsets) == set(MATRIX_SETS)
    where = place(still_engine, 14)
    for name in service.contents:
        layer = service.contents[name]
        tile = service.gettile(
            layer=name,
            style=next(iter(layer.styles)),
            tilematrixset="WebMercatorQuad",
            tilematrix=where["TILEMATRIX"],
            row=where["TILEROW"],
            column=where["TILECOL"],
            format="image/png",
        )
        picture(tile.read())
    whole = service.contents["grid"].boundingBoxWGS84
    for one in features(still_engine, "switch"):
        lon, lat = one["geometry"]["coordinates"]
        assert whole[0] <= lon <= whole[2]
        assert whole[1] <= lat <= whole[3]


def features(engine: LiveEngine, layer: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = engine.ask(f"/ogc/collections/{layer}/items")["features"]
    return found


@pytest.mark.skipif(shutil.which("gdal_translate") is None, reason="GDAL's programs are not installed")
def test_gdal_draws_a_picture_out_of_the_tiles(still_engine: LiveEngine, tmp_path: Path) -> None:
    (first, *_) = features(still_engine, "switch")
    lon, lat = first["geometry"]["coordinates"]
    capabilities = f"http://127.0.0.1:{still_engine.port}/wmts/1.0.0/WMTSCapabilities.xml"
    source = f"WMTS:{capabilities},layer=grid,tilematrixset=WebMercatorQuad"
    out = tmp_path / "map.png"
    window = [lon - 0.002, lat + 0.002, lon + 0.002, lat - 0.002]
    asked = f"gdal_translate -q -of PNG -outsize 256 256 -projwin_srs EPSG:4326 {source} {out}".split()
    done = subprocess.run(
        [*asked, "-projwin", *map(str, window)],
        check=False,
        capture_output=True,
        text=True,
        env={
            "PATH": "/usr/bin:/bin",
            "GDAL_DEFAULT_WMS_CACHE_PATH": str(tmp_path / "cache"),
            "no_proxy": "*",
        },
    )
    assert done.returncode == 0, done.stderr
    assert np.asarray(Image.open(out).convert("RGBA"))[..., 3].any()


def test_who_runs_the_service_is_told_as_far_as_it_is_known() -> None:
    """Elements and their order: OGC 06-121r3, owsServiceProvider.xsd; OWSLib reads them."""
    whole = Contact("Grid & Co", "Ada", "ada@example.org", "+49 1", "Main St 1", "Ulm", "BW", "89073", "DE")

    def document(contact: Contact) -> bytes:
        return capabilities(
            [],
            lambda offer: None,
            title="Grid",
            kvp="http://example.org/wmts?",
            rest="http://example.org/wmts/{}".format,
            update_sequence="1",
            contact=contact,
        )

    provider = WebMapTileService("http://example.org/wmts", xml=document(whole)).provider
    assert (provider.name, provider.contact.name) == ("Grid & Co", "Ada")
    info = ElementTree.fromstring(document(whole)).find(f".//{OWS}ContactInfo")
    assert info is not None
    assert [(one.tag.removeprefix(OWS), one.text) for one in info.iter() if one.text] == [
        ("Voice", "+49 1"),
        ("DeliveryPoint", "Main St 1"),
        ("City", "Ulm"),
        ("AdministrativeArea", "BW"),
        ("PostalCode", "89073"),
        ("Country", "DE"),
        ("ElectronicMailAddress", "ada@example.org"),
    ]
    assert ElementTree.fromstring(document(Contact("Grid", "Ada"))).find(f".//{OWS}ContactInfo") is None


def test_sections_are_those_asked_for(still_engine: LiveEngine) -> None:
    def parts(**more: str) -> list[str]:
        answer = still_engine.get("/wmts", params={"service": "WMTS", "request": "GetCapabilities", **more})
        assert answer.status_code == 200, answer.text
        return [one.tag.rpartition("}")[2] for one in ElementTree.fromstring(answer.content)]

    everything = parts()
    assert everything == [
        "ServiceIdentification",
        "ServiceProvider",
        "OperationsMetadata",
        "Contents",
        "ServiceMetadataURL",
    ]
    assert parts(Sections="All") == everything
    assert parts(Sections="all") == everything
    # the address of the document is no section: ets-wmts10 takes one beside a section for a section too many
    assert parts(Sections="ServiceProvider") == ["ServiceProvider"]
    assert parts(AcceptVersions="2.0.0,1.0.0") == everything
    plain = {"service": "WMTS", "request": "GetCapabilities"}
    root = ElementTree.fromstring(still_engine.get("/wmts", params=plain).content)
    assert parts(updateSequence=root.attrib["updateSequence"]) == []
    for wrong, code in (
        ("AcceptVersions", "VersionNegotiationFailed"),
        ("Sections", "InvalidParameterValue"),
    ):
        answer = still_engine.get("/wmts", params={**plain, wrong: "Alice"})
        fault(answer, code, None if wrong == "AcceptVersions" else "Sections")


@pytest.mark.parametrize("name", [name for name in GOOD if name != "STYLE"])
def test_a_parameter_that_is_missing_is_named(still_engine: LiveEngine, name: str) -> None:
    asked = {**GOOD, **place(still_engine)}
    del asked[name]
    assert fault(still_engine.get("/wmts", params=asked), "MissingParameterValue", name).startswith(
        f"{name}: "
    )


@pytest.mark.parametrize(
    ("changed", "code", "status"),
    [
        ({"SERVICE": "WMS"}, "InvalidParameterValue", 400),
        ({"REQUEST": "GetCoffee"}, "InvalidParameterValue", 400),
        ({"VERSION": "9.9.9"}, "InvalidParameterValue", 400),
        ({"LAYER": "<nothing>"}, "InvalidParameterValue", 400),
        ({"STYLE": "nothing"}, "InvalidParameterValue", 400),
        ({"FORMAT": "image/tiff"}, "InvalidParameterValue", 400),
        ({"TILEMATRIXSET": "Mars"}, "InvalidParameterValue", 400),
        ({"TILEMATRIX": "99"}, "InvalidParameterValue", 400),
        ({"TILEROW": "-1"}, "TileOutOfRange", 400),
        ({"TILECOL": "99999999999999999999"}, "TileOutOfRange", 400),
        ({"TILEROW": "one"}, "InvalidParameterValue", 400),
        ({"TIME": "yesterday"}, "InvalidParameterValue", 400),
    ],
)
def test_what_is_not_served_is_told_with_the_code_of_the_standard(
    still_engine: LiveEngine, changed: dict[str, str], code: str, status: int
) -> None:
    (name,) = changed
    text = fault(
        still_engine.get("/wmts", params={**GOOD, **place(still_engine), **changed}), code, name, status
    )
    assert text.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("I", "256", "PointIJOutOfRange"),
        ("J", "-1", "PointIJOutOfRange"),
        ("J", "x", "InvalidParameterValue"),
        ("INFOFORMAT", "image/png", "InvalidParameterValue"),
        ("INFOFORMAT", "", "MissingParameterValue"),
        ("VERSION", "2.0.0", "InvalidParameterValue"),
        ("LAYER", "nothing", "InvalidParameterValue"),
    ],
)
def test_what_a_pixel_cannot_be_asked_is_told_likewise(
    still_engine: LiveEngine, name: str, value: str, code: str
) -> None:
    asked = {**GOOD, **place(still_engine), **INFO, name: value}
    assert fault(still_engine.get("/wmts", params=asked), code, name).startswith(f"{name}: ")


@pytest.mark.parametrize("grid", MATRIX_SETS.values(), ids=MATRIX_SETS)
def test_a_pixel_of_a_tile_tells_what_is_drawn_there(still_engine: LiveEngine, grid: TileMatrixSet) -> None:
    """Expected from the place of the first switch, reckoned onto the tile by hand."""
    (first, *_) = features(still_engine, "switch")
    where = place(still_engine, 18, grid)
    z, y, x = where.values()
    lon, lat = first["geometry"]["coordinates"]
    across, down = grid.place(lon, lat)
    columns, rows = grid.size(18)
    i, j = int((across * columns - int(x)) * 256), int((down * rows - int(y)) * 256)
    asked = {**GOOD, **where, **INFO, "TILEMATRIXSET": grid.id, "I": str(i), "J": str(j)}
    answer = still_engine.get("/wmts", params=asked)
    assert answer.headers["content-type"].startswith("application/json")
    (told,) = answer.json()["features"]
    assert (told["layer"], told["properties"]) == ("switch", first["properties"])
    rest = f"/wmts/1.0.0/switch/default/{grid.id}/{z}/{y}/{x}/{j}/{i}"
    assert still_engine.get(f"{rest}.json").content == answer.content
    assert first["id"] in still_engine.get(f"{rest}.html").text
    assert first["id"] in still_engine.get(f"{rest}.txt").text
    assert ElementTree.fromstring(still_engine.get(f"{rest}.gml").content).tag.endswith("FeatureCollection")
    fault(still_engine.get(f"{rest}.doc"), "InvalidParameterValue", "INFOFORMAT")
    nowhere = {**asked, "I": str((i + 128) % 256), "J": str((j + 128) % 256)}
    assert still_engine.get("/wmts", params=nowhere).json()["features"] == []
    whole = still_engine.get("/wmts", params={**asked, "LAYER": "grid"}).json()["features"]
    assert "switch" in [one["layer"] for one in whole]


def test_a_pixel_is_told_as_of_a_time(drawn_engine: LiveEngine) -> None:
    (first, *_) = features(drawn_engine, "switch")
    where = place(drawn_engine)
    lon, lat = first["geometry"]["coordinates"]
    across, down = WEB_MERCATOR.place(lon, lat)
    side = 2**18
    i = int((across * side - int(where["TILECOL"])) * 256)
    j = int((down * side - int(where["TILEROW"])) * 256)
    asked = {**GOOD, **where, **INFO, "I": str(i), "J": str(j)}
    before = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    drawn_engine.operate({"id": first["id"], "open": not first["properties"]["open"]})

    def stands(**more: str) -> bool:
        (told,) = drawn_engine.get("/wmts", params=asked | more).json()["features"]
        return bool(told["properties"]["open"])

    assert stands() is not first["properties"]["open"]
    assert stands(TIME="current") is not first["properties"]["open"]
    assert stands(TIME=before) is first["properties"]["open"]


def test_clients_are_told_of_time_and_of_what_a_pixel_can_be_asked(still_engine: LiveEngine) -> None:
    service = WebMapTileService(f"http://127.0.0.1:{still_engine.port}/wmts")
    layer = service.contents["switch"]
    assert layer.infoformats[:2] == ["application/json", "text/html"]
    assert {one.name for one in service.operations} == {"GetCapabilities", "GetTile", "GetFeatureInfo"}
    document = ElementTree.fromstring(still_engine.get("/wmts/1.0.0/WMTSCapabilities.xml").content)
    wmts = "{http://www.opengis.net/wmts/1.0}"
    for one in document.iter(f"{wmts}Layer"):
        order = [child.tag.removeprefix(wmts).removeprefix(OWS) for child in one]
        assert order == sorted(order, key=ORDER.index), order
        (dimension,) = one.iter(f"{wmts}Dimension")
        assert dimension.findtext(f"{OWS}Identifier") == "Time"
        assert dimension.findtext(f"{wmts}Default") == "current"
        # every format that is offered has an address, and in each stands the dimension (tables 7 and 8)
        templates = {
            child.attrib["format"]: child.attrib["template"]
            for child in one
            if child.tag == f"{wmts}ResourceURL"
        }
        assert {*templates} == {"image/png", *layer.infoformats}
        pixel = "{TileMatrix}/{TileRow}/{TileCol}/{J}/{I}.json?TIME={Time}"
        assert templates["application/json"].endswith(pixel)
        assert all(template.endswith("?TIME={Time}") for template in templates.values())


def test_the_addresses_of_templates_answer_in_the_format_they_say_and_know_times(
    still_engine: LiveEngine,
) -> None:
    document = ElementTree.fromstring(still_engine.get("/wmts/1.0.0/WMTSCapabilities.xml").content)
    whole = dict.fromkeys(("{TileMatrix}", "{TileRow}", "{TileCol}"), "0")
    given = {**whole, "{Style}": "default", "{TileMatrixSet}": "WebMercatorQuad", "{J}": "1", "{I}": "2"}
    for one in document.iter("{http://www.opengis.net/wmts/1.0}ResourceURL"):
        address = one.attrib["template"]
        for name, value in given.items():
            address = address.replace(name, value)
        answer = still_engine.get(address.replace("{Time}", "current"))
        assert answer.status_code in (200, 204), answer.text
        assert still_engine.get(address).content == answer.content  # by clients that know no dimensions
        assert answer.headers["Content-Type"].startswith(one.attrib["format"])
        fault(still_engine.get(address.replace("{Time}", "never")), "InvalidParameterValue", "TIME")


def test_whoever_takes_no_xml_is_told_so(still_engine: LiveEngine) -> None:
    """OGC 07-057r7, 10.2.1, as ets-wmts10 asks it."""
    address = "/wmts/1.0.0/WMTSCapabilities.xml"
    refused = still_engine.get(address, headers={"Accept": "example/unknown"})
    assert refused.status_code == 406
    assert "application/xml" in refused.json()["detail"]
    for taken in ("application/xml", "text/xml", "text/*;q=0.3", "*/*"):
        assert still_engine.get(address, headers={"Accept": taken}).status_code == 200


# OGC 07-057r7, wmtsGetCapabilities_response.xsd
ORDER = (
    "Title",
    "Abstract",
    "WGS84BoundingBox",
    "Identifier",
    "Style",
    "Format",
    "InfoFormat",
    "Dimension",
    "TileMatrixSetLink",
    "ResourceURL",
)


def test_names_of_parameters_are_known_in_any_case_and_an_empty_style_is_the_default(
    still_engine: LiveEngine,
) -> None:
    asked = {name.lower(): value for name, value in {**GOOD, **place(still_engine), "STYLE": ""}.items()}
    answer = still_engine.get("/wmts", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.content == still_engine.get("/wmts", params={**GOOD, **place(still_engine)}).content


@pytest.mark.parametrize("format", INFO_FORMATS)
def test_what_is_at_a_pixel_comes_in_the_very_type_that_is_offered(
    still_engine: LiveEngine, format: str
) -> None:
    """By parameters; OGC's suite compares the whole of `Content-Type` with the InfoFormat."""
    asked = {**GOOD, **place(still_engine), **INFO, "INFOFORMAT": format}
    answer = still_engine.get("/wmts", params=asked)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, format)
    assert answer.content.startswith(b"\xef\xbb\xbf") == (format == "text/plain")
    answer.content.decode("utf-8")
