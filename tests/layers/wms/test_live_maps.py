"""The WMS of a running engine: read by OWSLib, right at once after a switch operation, and as of a moment."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from owslib.wms import WebMapService
from PIL import Image

from tests.live import LiveEngine

RED = (0xD7, 0x30, 0x1F)  # of the style `energised`, without voltage
GREEN = (0x1F, 0x7F, 0x44)


def asked_around(live: LiveEngine, id: str) -> dict[str, Any]:
    """GetMap of a line alone, in the style that tells voltage."""
    feature = live.ask(f"/ogc/collections/line_section/items/{id}")
    x, y = np.mean(feature["geometry"]["coordinates"], axis=0).tolist()
    return {
        "REQUEST": "GetMap",
        "VERSION": "1.3.0",
        "LAYERS": "line_section",
        "STYLES": "energised",
        "CRS": "CRS:84",
        "BBOX": f"{x - 1e-4},{y - 1e-4},{x + 1e-4},{y + 1e-4}",
        "WIDTH": 101,
        "HEIGHT": 101,
        "FORMAT": "image/png",
    }


def pixels(live: LiveEngine, asked: dict[str, Any]) -> npt.NDArray[np.uint8]:
    answer = live.get("/wms", params=asked)
    assert answer.headers["content-type"] == "image/png", answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def has(picture: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> bool:
    return bool((picture == colour).all(axis=2).any())


def test_a_switch_operation_is_on_the_next_map_and_not_on_that_of_before(drawn_engine: LiveEngine) -> None:
    asked = asked_around(drawn_engine, "L4")
    assert has(pixels(drawn_engine, asked), GREEN)
    tag = drawn_engine.get("/wms", params=asked).headers["etag"]
    assert drawn_engine.get("/wms", params=asked, headers={"If-None-Match": tag}).status_code == 304
    before = datetime.now(UTC).isoformat()
    drawn_engine.operate({"id": "FU1", "open": True, "at": datetime.now(UTC).isoformat(), "reason": "test"})
    # FU1 feeds L4: see the drawing in tests/drawn.py
    answer = drawn_engine.get("/wms", params=asked, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    now = pixels(drawn_engine, asked)
    assert has(now, RED)
    assert not has(now, GREEN)
    then = pixels(drawn_engine, {**asked, "TIME": before})
    assert has(then, GREEN)
    assert not has(then, RED)


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
def test_owslib_reads_the_capabilities_and_a_map_of_every_layer(
    still_engine: LiveEngine, version: str
) -> None:
    service = WebMapService(f"http://127.0.0.1:{still_engine.port}/wms", version=version)
    assert {"grid", "line_section", "switch", "customer_point", "county"} <= set(service.contents)
    for name, layer in service.contents.items():
        west, south, east, north = layer.boundingBoxWGS84
        picture = service.getmap(
            layers=[name],
            styles=["default"] if name != "grid" else [""],
            srs="EPSG:4326",
            bbox=(west - 0.01, south - 0.01, east + 0.01, north + 0.01),
            size=(120, 80),
            format="image/png",
        )
        assert Image.open(io.BytesIO(picture.read())).size == (120, 80)
