"""Answers to outage questions as JSON text, in pieces: one case, many, or a line for each.

Joined, the pieces say what `Outage.value` says, under the same names. However many customers lose supply, one
piece at a time is in memory; nothing is worked out before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import orjson

from compiling import I64
from gis_service.engine.columns import Rows, ids_of
from gis_service.engine.counter import CUSTOMERS, DISTRICTS, NONE_OPENED, Counter
from gis_service.engine.features import features_pieces
from gis_service.engine.listing import Listing
from gis_service.engine.outage import Case, Outage
from gis_service.engine.tallies import Tally
from gis_service.engine.world import Scene, World
from gis_service.errors import AmbiguousId, UnknownId
from gis_service.network.topology import Topology

NO_EDGES: I64 = np.empty(0, np.int64)
_IDS_OF_A_PIECE = 20_000
_FEW = 16
_NONE_OPENED, _DISTRICTS, _CUSTOMERS = NONE_OPENED.encode(), DISTRICTS.encode(), CUSTOMERS.encode()
_LISTS = frozenset({"customers", "districts"})


def answer_text(scene: Scene, outage: Outage, include: Sequence[str]) -> Iterator[bytes]:
    """The answer of one case: a JSON object."""
    yield scene.head_text()
    yield from _fields(outage, include)
    yield b"}"


def simple_text(scene: Scene, case: Case, include: Sequence[str]) -> Iterator[bytes] | None:
    """The answer of a simple case, a few compiled calls; None for any other.

    Simple are a few conducting elements that go out as the switches stand, and put out no more than many
    customers, of whom no more is asked than who they are. What is wrong with a case is told where it is asked
    the other way.
    """
    counter = scene.world.counter
    if counter is None or scene.state is not scene.world.current or not _LISTS.issuperset(include):
        return None
    edges = _edges(scene.topology, case)
    if edges is None:
        return None
    if not include:
        counts = counter.text(edges)
        return None if counts is None else iter((b"%b,%b%b}" % (scene.head_text(), counts, _NONE_OPENED),))
    lost = counter.lost(edges)
    if lost is None:
        return None
    make_ready(scene.world, edges)
    return _simple_lists(scene, *lost, include)


def text_at_hand(world: World, as_of: datetime, case: Case, include: Sequence[str]) -> list[bytes] | None:
    """The same where it takes less than about a millisecond and nothing is waited for; None anywhere else.

    So lists are of a few thousand customers at most, out of columns that are open; what is worked out once
    for a world must have been.
    """
    # asking the properties of the world would work them out
    known = world.__dict__
    counter: Counter | None = known.get("counter")
    if counter is None or "last_load" not in known or not _LISTS.issuperset(include):
        return None
    edges = _edges(world.topology, case)
    if edges is None:
        return None
    if not include:
        counts = counter.text(edges)
        return None if counts is None else [b"%b,%b%b}" % (world.opening(as_of, ()), counts, _NONE_OPENED)]
    listing: Listing | None = known.get("listing")
    page = None if listing is None else listing.pages.at_hand(_part(listing, edges))
    if page is None or not page.tried:
        return None
    text = counter.lists(edges, page.page, districts="districts" in include, customers="customers" in include)
    return None if text is None else [world.opening(as_of, ()), b",", text]


def make_ready(world: World, edges: I64) -> None:
    """Open, and have compiled, what `text_at_hand` takes for lists of who loses supply by edges."""
    counter, listing = world.counter, world.listing
    page = listing.pages.open(_part(listing, edges))
    if counter is not None and not page.tried:
        counter.lists(NO_EDGES, page.page, districts=True, customers=True)
        page.tried = True


def _part(listing: Listing, edges: I64) -> int:
    """The part of the columns that those who lose supply most likely are in."""
    return listing.pages.part_of_edge(int(edges[0])) if edges.size else 0


def _edges(topology: Topology, case: Case) -> I64 | None:
    """The edges of a case that is nothing but a few edges: ascending, each once."""
    if len(case.out) > _FEW or case.faults or case.switching or case.area is not None:
        return None
    first_edges, find = topology.first_edges, topology.ids.find
    edges: list[int] = []
    for id in case.out:
        try:
            layer, row = find(id)
        except (UnknownId, AmbiguousId):
            return None
        first = first_edges.get(layer)
        if first is None:
            return None
        edges.append(first + row)
    return np.array(edges if len(edges) < 2 else sorted(set(edges)), np.int64)


def _simple_lists(scene: Scene, rows: Rows, tally: Tally, include: Sequence[str]) -> Iterator[bytes]:
    yield b"%b,%b%b" % (scene.head_text(), tally.text, _NONE_OPENED)
    yield from _lists(scene, rows, tally, include)
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
    yield from _lists(outage.scene, outage.customers, outage.tally, include)
    if "elements" in include:
        yield from _elements(outage)
    if "geometry" in include:
        yield b',"geometry":{"type":"FeatureCollection","features":['
        yield from _features(outage)
        yield b"]}"


def _lists(scene: Scene, rows: Rows, tally: Tally, include: Sequence[str]) -> Iterator[bytes]:
    listing = scene.world.listing
    if "districts" in include:
        yield b"%b%b]" % (_DISTRICTS, listing.districts(tally))
    if "customers" in include:
        yield _CUSTOMERS
        yield from listing.customers(rows, tally)
        yield b"]"


def _counts(outage: Outage) -> bytes:
    """Who is affected, and what opens, without braces."""
    opened = orjson.dumps(outage.opened) if outage.impact.opened.size else b"[]"
    return b'%b,"opened":%b' % (outage.tally.text, opened)


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
