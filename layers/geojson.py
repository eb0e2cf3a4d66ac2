"""GeoJSON documents of layers (RFC 7946, and the members OGC API – Features adds), values to bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from layers.source import FeatureRow

GEOJSON = "application/geo+json"
Link = Mapping[str, str]


def feature_collection(
    features: Sequence[FeatureRow], *, links: Sequence[Link], stamp: str, members: Mapping[str, Any]
) -> bytes:
    """A FeatureCollection; `members` are foreign members beside the standard's own."""
    return orjson.dumps(
        {
            "type": "FeatureCollection",
            "timeStamp": stamp,
            "numberReturned": len(features),
            "links": list(links),
            **members,
            "features": [_feature(feature) for feature in features],
        }
    )


def single_feature(feature: FeatureRow, *, links: Sequence[Link], members: Mapping[str, Any]) -> bytes:
    """One Feature with its links."""
    return orjson.dumps({**_feature(feature), "links": list(links), **members})


def _feature(feature: FeatureRow) -> dict[str, Any]:
    # the geometry is JSON text already: it is laid in, not read and written again
    geometry = None if feature.geometry is None else orjson.Fragment(feature.geometry)
    return {"type": "Feature", "id": feature.key.id, "geometry": geometry, "properties": feature.properties}
