"""GetMap: where things lie, what is refused and how, what is kept."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.layers.wms.handmade_service import MAP, OLD_MAP, PLACE, HandService, hand_layer, some_layers

# The axes of each system as its definition in the EPSG register has them, written down by hand.
NORTH_FIRST = {
    "CRS:84": False,
    "EPSG:4326": True,
    "EPSG:3857": False,
    "EPSG:4490": True,
    "EPSG:32649": False,
    "EPSG:4524": True,
    "EPSG:4545": True,
}


@pytest.mark.parametrize("crs", NORTH_FIRST)
@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
def test_a_point_lies_on_the_same_pixel_through_every_reference_system(crs: str, version: str) -> None:
    known = "OGC:CRS84" if crs == "CRS:84" else crs
    turn = pyproj.Transformer.from_crs("OGC:CRS84", known, always_xy=True)
    x, y = turn.transform(*PLACE)
    unit = 1e-4 if crs in ("CRS:84", "EPSG:4326", "EPSG:4490") else 10.0
    # the point is to lie in the middle of pixel (140, 30) of 200 by 100
    west, north = x - 140.5 * unit, y + 30.5 * unit
    box = [west, north - 100 * unit, west + 200 * unit, north]
    if NORTH_FIRST[crs] and version == "1.3.0":
        box = [box[1], box[0], box[3], box[2]]
    asked = MAP if version == "1.3.0" else OLD_MAP
    name = "CRS" if version == "1.3.0" else "SRS"
    pixels = HandService().picture(
        {**asked, name: crs, "BBOX": ",".join(map(repr, box)), "TRANSPARENT": "TRUE"}
    )
    rows, columns = np.nonzero(pixels[..., 3] > 128)
    assert abs(columns.mean() - 140) < 0.35
    assert abs(rows.mean() - 30) < 0.35


def test_names_of_parameters_count_in_any_case_and_service_may_be_left_out() -> None:
    mixed = {key.title(): value for key, value in MAP.items() if key != "SERVICE"}
    assert (HandService().picture({**mixed, "FORMAT": "image/png"}) == HandService().picture(MAP)).all()


def test_layers_are_drawn_in_the_order_asked_for() -> None:
    below, above = (
        HandService().picture({**MAP, "LAYERS": order, "STYLES": ","})
        for order in ("place,area", "area,place")
    )
    # the middle of the sign at 108.35, 22.82
    assert below[60, 100].tolist() != above[60, 100].tolist()
    assert above[60, 100].tolist()[:3] == [0xC8, 0x55, 0x3D]


def test_the_root_layer_draws_every_layer_and_lends_its_style_to_those_that_have_it() -> None:
    whole = HandService().picture({**MAP, "LAYERS": "grid"})
    energised = HandService().picture({**MAP, "LAYERS": "grid", "STYLES": "energised"})
    assert (whole != energised).any()
    assert whole[60, 100].tolist()[:3] == [0xC8, 0x55, 0x3D]


@pytest.mark.parametrize("open", [False, True])
def test_a_breaker_at_a_transformer_leaves_its_sign_to_be_read(open: bool) -> None:
    """At 1:10,000 both stand on the same pixels: the sign is the transformer's, framed by an open breaker."""
    at = [shapely.Point(PLACE)]
    layers = [
        hand_layer("switch", at, kind=["breaker"], open=[open], energised=[True], name=["S"]),
        hand_layer("power_transformer", at, energised=[True], name=["T"]),
    ]
    half = 100 * 10_000 * 0.00028 / (math.pi / 180 * 6378137)
    box = ",".join(str(PLACE[k % 2] + sign * half) for k, sign in enumerate((-1, -1, 1, 1)))
    asked = {**MAP, "LAYERS": "grid", "BBOX": box, "WIDTH": "200", "HEIGHT": "200"}

    def near(colour: tuple[int, int, int], pixels: Any) -> int:
        return int((np.abs(pixels[90:110, 90:110, :3].astype(int) - colour).max(axis=-1) < 60).sum())

    both = HandService(layers).picture(asked)
    alone = HandService(layers[1:]).picture(asked)
    blue, red, green = (0x1B, 0x4F, 0x8F), (0xC6, 0x28, 0x28), (0x0B, 0x7A, 0x3B)
    assert near(blue, both) >= near(blue, alone) > 30
    assert near(red, both) == near(red, alone)
    assert near(green, both) >= (12 if open else 0)


@pytest.mark.parametrize("format", ["image/png", "image/png; mode=8bit", "image/jpeg"])
def test_every_format_shows_the_same_map(format: str) -> None:
    asked = {**MAP, "LAYERS": "grid", "BGCOLOR": "0xE0F0FF"}
    theirs = HandService().picture({**asked, "FORMAT": format}).astype(int)
    ours = HandService().picture(asked).astype(int)
    # a palette of 256 colours, and JPEG around thin lines: seen 0.1 and 3.9 of 255 on average
    assert np.abs(theirs - ours).mean() < 8
    corner = ours[ours.sum(axis=2) == ours.sum(axis=2).max()][0]
    assert corner.tolist() == [0xE0, 0xF0, 0xFF, 255]


def test_a_transparent_map_has_no_ground() -> None:
    pixels = HandService().picture({**MAP, "TRANSPARENT": "TRUE"})
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]
    assert HandService().picture(MAP)[0, 0].tolist() == [255, 255, 255, 255]


REFUSED = [
    ({"LAYERS": "nothing"}, "LayerNotDefined"),
    ({"LAYERS": ""}, "MissingParameterValue"),
    ({"LAYERS": "place,,area"}, "LayerNotDefined"),
    ({"LAYERS": ",".join(["grid"] * 30)}, "TooManyLayers"),
    ({"LAYERS": ",".join(["place"] * 65)}, "TooManyLayers"),
    ({"STYLES": "nothing"}, "StyleNotDefined"),
    ({"STYLES": "default,default"}, "StyleNotDefined"),
    ({"CRS": "EPSG:99999"}, "InvalidCRS"),
    ({"CRS": "EPSG:4326; DROP TABLE county"}, "InvalidCRS"),
    ({"FORMAT": "image/tiff"}, "InvalidFormat"),
    ({"BBOX": "108.3,22.8,108.4"}, "InvalidParameterValue"),
    ({"BBOX": "108.4,22.8,108.3,22.85"}, "InvalidParameterValue"),
    ({"BBOX": "108.3,22.8,108.3,22.85"}, "InvalidParameterValue"),
    ({"BBOX": "nan,22.8,108.4,22.85"}, "InvalidParameterValue"),
    ({"BBOX": "-inf,22.8,inf,22.85"}, "InvalidParameterValue"),
    ({"WIDTH": "100000"}, "InvalidParameterValue"),
    ({"HEIGHT": "0"}, "InvalidParameterValue"),
    ({"HEIGHT": "-1"}, "InvalidParameterValue"),
    ({"WIDTH": "9" * 400}, "InvalidParameterValue"),
    ({"WIDTH": "0000000100999999"}, "InvalidParameterValue"),
    ({"HEIGHT": "000000001" + "9" * 5000}, "InvalidParameterValue"),
    ({"HEIGHT": "\u0661\u0660\u0660"}, "InvalidParameterValue"),
    ({"TRANSPARENT": "PERHAPS"}, "InvalidParameterValue"),
    ({"BGCOLOR": "white"}, "InvalidParameterValue"),
    ({"TIME": "yesterday"}, "InvalidDimensionValue"),
    ({"TIME": "2999-01-01T00:00:00Z"}, "InvalidDimensionValue"),
    ({"TIME": "2024-02-31"}, "InvalidDimensionValue"),
    ({"TIME": "0001-01-01T00:00:00+23:59"}, "InvalidDimensionValue"),
    ({"REQUEST": "GetNothing"}, "OperationNotSupported"),
    ({"SERVICE": "WFS"}, None),
]


@pytest.mark.parametrize(("change", "code"), REFUSED, ids=[str(change) for change, _ in REFUSED])
def test_what_cannot_be_is_refused_with_the_code_of_the_standard(
    change: dict[str, str], code: str | None
) -> None:
    assert HandService().code({**MAP, **change}) == code


def test_a_size_may_have_noughts_before_it() -> None:
    assert HandService().picture({**MAP, "WIDTH": "0000000000200", "HEIGHT": "0100"}).shape == (100, 200, 4)


def test_an_old_version_calls_the_reference_system_by_its_old_name() -> None:
    assert HandService().code({**OLD_MAP, "SRS": "EPSG:1"}) == "InvalidSRS"
    answer = HandService().ask({**OLD_MAP, "SRS": "EPSG:1"})
    assert answer.headers["Content-Type"].startswith("application/vnd.ogc.se_xml")


def test_a_map_is_asked_for_in_a_version() -> None:
    without = {name: value for name, value in MAP.items() if name != "VERSION"}
    assert HandService().code(without) == "MissingParameterValue"
    assert HandService().code({**without, "VERSION": ""}) == "MissingParameterValue"


def test_a_fault_can_be_told_in_the_image_or_by_a_blank_one() -> None:
    wrong = {**MAP, "LAYERS": "nothing"}
    told = HandService().picture({**wrong, "EXCEPTIONS": "INIMAGE"})
    blank = HandService().picture({**wrong, "EXCEPTIONS": "BLANK"})
    assert told.shape == blank.shape == (100, 200, 4)
    assert len(np.unique(told.reshape(-1, 4), axis=0)) > 5
    assert (blank == 255).all()
    # OGC 06-042, 7.3.3.11: of the background colour
    red = HandService().picture({**wrong, "EXCEPTIONS": "BLANK", "BGCOLOR": "0xFF0000"})
    assert (red == (255, 0, 0, 255)).all()
    clear = HandService().picture({**wrong, "EXCEPTIONS": "BLANK", "TRANSPARENT": "TRUE"})
    assert not clear.any()
    old = {**OLD_MAP, "LAYERS": "nothing", "EXCEPTIONS": "application/vnd.ogc.se_inimage"}
    assert len(np.unique(HandService().picture(old).reshape(-1, 4), axis=0)) > 5


def test_a_county_that_is_away_is_named_in_a_header_and_in_the_image() -> None:
    service = HandService(some_layers(absent=("01",)))
    asked = {**MAP, "LAYERS": "line_section"}
    quiet, loud = service.ask(asked), service.ask({**asked, "EXCEPTIONS": "INIMAGE"})
    for answer in (quiet, loud):
        assert answer.headers["Partial"] == "01"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers
    said = np.asarray(Image.open(io.BytesIO(loud.content)).convert("RGB"))
    assert len(np.unique(said.reshape(-1, 3), axis=0)) > 5


def test_a_map_that_did_not_change_is_not_sent_again() -> None:
    service = HandService()
    first = service.ask(MAP)
    again = service.ask(MAP, If_None_Match=first.headers["ETag"])
    assert again.status_code == 304
    assert not again.content
    # RFC 9110, 13.1.2: a list, compared weakly (a proxy that compresses weakens tags), or any there is
    for known in (f'"other", {first.headers["ETag"]}', f"W/{first.headers['ETag']}", "*"):
        assert service.ask(MAP, If_None_Match=known).status_code == 304, known
    for unknown in ('"other"', "nonsense", ""):
        assert service.ask(MAP, If_None_Match=unknown).status_code == 200, unknown
    for other in ({"STYLES": "default", "WIDTH": "201"}, {"BGCOLOR": "0x000000"}, {"TRANSPARENT": "TRUE"}):
        assert service.ask({**MAP, **other}).headers["ETag"] != first.headers["ETag"]
    scoped = HandService(service.layers, frozenset({"01"}))
    assert scoped.ask(MAP).headers["ETag"] != first.headers["ETag"]


def test_only_the_counties_of_the_caller_are_drawn() -> None:
    empty = HandService(counties=frozenset({"02"})).picture({**MAP, "LAYERS": "grid"})
    assert (empty == 255).all()


_WILD = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "0", "-1", "1e400", "nan", "EPSG:4326", "EPSG:3857", "EPSG:4545", "grid", "current"]
    ),
    st.lists(st.floats(), min_size=4, max_size=4).map(lambda four: ",".join(map(repr, four))),
    st.lists(st.floats(-1e8, 1e8), min_size=4, max_size=4).map(
        lambda four: ",".join(map(repr, sorted(four)))
    ),
)


@settings(max_examples=120, deadline=None)
@given(
    changes=st.dictionaries(
        st.sampled_from([*MAP, "TIME", "BGCOLOR", "TRANSPARENT", "EXCEPTIONS", "I", "J"]), _WILD
    ),
    request=st.sampled_from(["GetMap", "GetFeatureInfo", "GetLegendGraphic", "GetCapabilities"]),
)
def test_whatever_is_asked_is_answered(changes: dict[str, str], request: str) -> None:
    more: dict[str, Any] = {"QUERY_LAYERS": "place", "INFO_FORMAT": "application/json", "I": "1", "J": "1"}
    answer = HandService().ask({**MAP, "REQUEST": request, "LAYER": "place", **more, **changes})
    assert answer.status_code == 200
    assert answer.content
