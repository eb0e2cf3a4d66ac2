"""GeoJSON documents of layers (RFC 7946, and the members OGC API – Features adds), values to bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from layers.geojson_columns import Features
from layers.geojson_writer import features_text
from layers.source import Page

GEOJSON = "application/geo+json"
Link = Mapping[str, str]


def collection_pieces(
    pages: Iterable[Page],
    *,
    stamp: str,
    members: Mapping[str, Any],
    tail: Callable[[Page], Mapping[str, Any]],
) -> Iterator[bytes]:
    """A FeatureCollection of pages one after another, in pieces; `members` are foreign members.

    What is known only at the end, the number of features and the `tail` that follows from the last page
    (links, for one), stands behind the features. There is at least one page.
    """
    yield orjson.dumps({"type": "FeatureCollection", "timeStamp": stamp, **members})[:-1] + b',"features":['
    returned = 0
    for page in pages:
        for number, piece in enumerate(features_text([page.features])):
            yield b"," + piece if returned or number else piece
        returned += len(page.features)
    yield b"]," + orjson.dumps({"numberReturned": returned, **tail(page)})[1:]


def single_feature(feature: Features, *, links: Sequence[Link], members: Mapping[str, Any]) -> bytes:
    """One Feature with its links."""
    (text,) = features_text([feature])
    return text[:-1] + b"," + orjson.dumps({"links": list(links), **members})[1:]
