"""Points as GeoJSON bytes: ours beside geopandas.to_json, both from columns that stand ready.

Ours gives pieces as the engine sends them, and each is dropped when it was sent: here, when it was copied to
a place that stands ready, as a socket copies it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa

from benchmarks.pairing import Contest, quickest
from benchmarks.setting import Setting
from layers.geojson_columns import Features, Geometries
from layers.geojson_writer import feature_collection

NAMES = ("geojson-points-geopandas",)
POINTS = 100_000
_CLASSES = ("residential", "commercial", "industrial", "agricultural", "public")
_DIGITS = 7
_MOST_BYTES = 400  # of a feature, about twice what it has


def contests(setting: Setting) -> Iterator[Contest]:
    """One collection of customers with five properties each."""
    count = setting.some(POINTS)
    stream = np.random.default_rng(7)
    xy = np.round(np.column_stack([108 + stream.random(count), 22 + stream.random(count)]), _DIGITS)
    text = {
        "id": np.array([f"450122-C{number:08d}" for number in range(count)], object),
        "county_code": np.array(["450122"] * count, object),
        "customer_class": stream.choice(np.array(_CLASSES, object), count),
    }
    numbers = {
        "contracted_kva": np.round(stream.gamma(2, 4, count), 1),
        "energised": stream.random(count) < 0.97,
    }
    arrow = {
        "id": pa.array(text["id"], pa.large_string()),
        "county_code": pa.array(text["county_code"]).dictionary_encode(),
        "customer_class": pa.array(text["customer_class"]).dictionary_encode(),
    }
    frame = geopandas.GeoDataFrame(text | numbers, geometry=geopandas.points_from_xy(*xy.T), crs="EPSG:4326")

    sent = bytearray(_MOST_BYTES * count)

    def ours(_: None) -> memoryview:
        at = 0
        for piece in feature_collection([Features.of(Geometries.points(xy), arrow | numbers)], {}):
            sent[at : at + len(piece)] = piece
            at += len(piece)
        return memoryview(sent)[:at]

    name, theirs = quickest(_forms(frame), [None], _collection)
    yield Contest(
        name="geojson-points-geopandas",
        work=f"{count:,} points with five properties as a GeoJSON feature collection",
        peer=name,
        ours=ours,
        theirs=theirs,
        same=_collection,
        goal=60.0,
        rounds=5,
    )


def _forms(frame: geopandas.GeoDataFrame) -> dict[str, Callable[[Any], Any]]:
    return {
        "geopandas.to_json(drop_id=True)": lambda _: frame.to_json(drop_id=True),
        "geopandas.to_json(drop_id=True, na='keep')": lambda _: frame.to_json(drop_id=True, na="keep"),
        "geopandas.to_json(drop_id=True, na='keep', compact)": lambda _: frame.to_json(
            drop_id=True, na="keep", separators=(",", ":"), check_circular=False
        ),
    }


def _collection(text: str | memoryview) -> Any:
    """The features; a member that says how many there are is ours alone."""
    found = json.loads(text if isinstance(text, str) else bytes(text))
    for feature in found["features"]:
        feature["geometry"]["coordinates"] = [round(x, _DIGITS) for x in feature["geometry"]["coordinates"]]
    return found["features"]
