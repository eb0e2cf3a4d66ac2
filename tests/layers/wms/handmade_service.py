"""A WMS over layers made by hand, asked without a server: what it says depends on nothing else."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from django.http import HttpResponse
from django.test import RequestFactory
from PIL import Image

from layers.catalog import Catalog
from layers.service import Contact, MapService
from layers.source import Counties
from layers.wms.views import WmsViews
from tests.layers.handmade import Handmade

PLACE = (108.35, 22.82)
MAP = {
    "SERVICE": "WMS",
    "VERSION": "1.3.0",
    "REQUEST": "GetMap",
    "LAYERS": "place",
    "STYLES": "",
    "CRS": "CRS:84",
    "BBOX": "108.3,22.8,108.4,22.85",
    "WIDTH": "200",
    "HEIGHT": "100",
    "FORMAT": "image/png",
}
OLD_MAP = {key: value for key, value in MAP.items() if key != "CRS"} | {
    "VERSION": "1.1.1",
    "SRS": "EPSG:4326",
}


def hand_layer(called: str, shapes: Sequence[Any], absent: tuple[str, ...] = (), **columns: Any) -> Handmade:
    data = {
        "id": [f"{called}-{k}" for k in range(len(shapes))],
        "county_code": ["01"] * len(shapes),
        **columns,
    }
    return Handmade(called, gpd.GeoDataFrame(data, geometry=list(shapes), crs=4326), absent)


def some_layers(absent: tuple[str, ...] = ()) -> list[Handmade]:
    rng = np.random.default_rng(5)
    starts = rng.uniform([108.3, 22.8], [108.4, 22.85], (300, 1, 2))
    lines: Any = shapely.linestrings(
        np.concatenate([starts, starts + np.cumsum(rng.normal(0, 0.002, (300, 3, 2)), 1)], 1)
    )
    return [
        hand_layer("place", [shapely.Point(PLACE)], note=["a & b <c>"]),
        hand_layer(
            "line_section",
            lines,
            absent,
            base_voltage_kv=rng.choice([0.4, 10.0, 110.0], 300),
            construction=rng.choice(["overhead", "underground"], 300),
            name=[f"线路 {k}" for k in range(300)],
            energised=rng.random(300) < 0.9,
        ),
        hand_layer(
            "area",
            [
                shapely.box(108.32, 22.81, 108.36, 22.83).difference(
                    shapely.box(108.33, 22.815, 108.335, 22.82)
                )
            ],
        ),
    ]


@dataclass
class HandService:
    """Asks the views; `counties` is what the caller may see."""

    layers: list[Handmade] = field(default_factory=some_layers)
    counties: Counties = None
    contact: Contact = field(default_factory=Contact)

    def ask(self, parameters: dict[str, str], **headers: str) -> HttpResponse:
        service = MapService(
            lambda: Catalog(self.layers),
            lambda request: self.counties,
            lambda counties: {
                "grid_version": {"01": 17, "02": 4},
                "as_of": "2026-01-01T00:00:00.000Z",
                "partial": False,
                "missing_counties": [],
            },
            self.contact,
        )
        request = RequestFactory().get(f"/wms?{urlencode(parameters)}", headers=headers)
        return WmsViews(service).wms(request)

    def picture(self, parameters: dict[str, str]) -> npt.NDArray[np.uint8]:
        """The pixels of a map that must come."""
        answer = self.ask(parameters)
        assert answer.headers["Content-Type"] == parameters["FORMAT"], answer.content
        return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))

    def document(self, parameters: dict[str, str]) -> ElementTree.Element:
        """The XML of an answer, without namespaces."""
        found = ElementTree.fromstring(self.ask(parameters).content)
        for one in found.iter():
            one.tag = one.tag.rpartition("}")[2]
        return found

    def code(self, parameters: dict[str, str]) -> str | None:
        """The code of the service exception that must come."""
        found = self.document(parameters)
        assert found.tag == "ServiceExceptionReport"
        (fault,) = found
        assert fault.text
        return fault.get("code")
