"""Answers to outage questions as JSON text, in pieces: one case, many, or a line for each.

Joined, the pieces say what `Outage.value` says, under the same names. However many customers lose supply, one
piece at a time is in memory; nothing is worked out before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from gis_service.engine.columns import Rows, ids_of
from gis_service.engine.features import features_pieces
from gis_service.engine.outage import Outage
from gis_service.engine.world import Scene

_IDS_OF_A_PIECE = 20_000


def answer_text(scene: Scene, outage: Outage, include: Sequence[str]) -> Iterator[bytes]:
    """The answer of one case: a JSON object."""
    yield scene.head_text()
    yield from _fields(outage, include)
    yield b"}"


def answers_text(scene: Scene, outages: Sequence[Outage], include: Sequence[str]) -> Iterator[bytes]:
    """The answer of many cases: a JSON object with a list of them."""
    yield scene.head_text() + b',"cases":['
    for k, outage in enumerate(outages):
        yield b",{" if k else b"{"
        yield from _inner(outage, include)
        yield b"}"
    yield b"]}"


def lines_text(scene: Scene, outages: Sequence[Outage], include: Sequence[str]) -> Iterator[bytes]:
    """The head, then each case by itself with its place in the question: a JSON object a line."""
    yield scene.head_text() + b',"cases":%d}\n' % len(outages)
    for k, outage in enumerate(outages):
        yield b'{"case":%d' % k
        yield from _fields(outage, include)
        yield b"}\n"


def geojson_text(scene: Scene, outage: Outage) -> Iterator[bytes]:
    """What goes dark as a GeoJSON FeatureCollection, with the head and the counts beside it."""
    yield scene.head_text() + b"," + _counts(outage) + b',"type":"FeatureCollection","features":['
    yield from _features(outage)
    yield b"]}"


def _fields(outage: Outage, include: Sequence[str]) -> Iterator[bytes]:
    yield b","
    yield from _inner(outage, include)


def _inner(outage: Outage, include: Sequence[str]) -> Iterator[bytes]:
    yield _counts(outage)
    listing = outage.scene.world.listing
    if "districts" in include:
        yield b',"districts":[%b]' % listing.districts(outage.tally)
    if "customers" in include:
        yield b',"customers":['
        yield from listing.customers(outage.customers, outage.tally)
        yield b"]"
    if "elements" in include:
        yield from _elements(outage)
    if "geometry" in include:
        yield b',"geometry":{"type":"FeatureCollection","features":['
        yield from _features(outage)
        yield b"]}"


def _counts(outage: Outage) -> bytes:
    """Who is affected, and what opens, without braces."""
    counts = {
        "affected": outage.tally.total,
        "by_county": outage.tally.by_county,
        "opened": outage.opened if outage.impact.opened.size else [],
    }
    return orjson.dumps(counts)[1:-1]


def _elements(outage: Outage) -> Iterator[bytes]:
    yield b',"elements":{'
    for k, (layer, rows) in enumerate(outage.dark.items()):
        yield b'%b"%b":[' % (b"," if k else b"", layer.encode())
        yield from _ids(outage.scene, layer, rows)
        yield b"]"
    yield b"}"


def _ids(scene: Scene, layer: str, rows: Rows) -> Iterator[bytes]:
    for first in range(0, rows.size, _IDS_OF_A_PIECE):
        ids = orjson.dumps(ids_of(scene.topology.tables, layer, rows[first : first + _IDS_OF_A_PIECE]))
        yield (b"," if first else b"") + ids[1:-1]


def _features(outage: Outage) -> Iterator[bytes]:
    for k, piece in enumerate(features_pieces(outage.scene.tables, outage.drawn)):
        yield b"," + piece if k else piece
