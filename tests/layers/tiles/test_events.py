"""The stream of touched tiles: what a listener is told, of which counties, what one who was away misses."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.web.server import THREADS
from layers.source import Box
from layers.tiles.events import MOST_TILES, REMEMBERED, ZOOM, Change, Feed, Listener, described
from layers.tiles.matrix import EXTENT, WEB_MERCATOR, Tile
from layers.tiles.plane import MARGIN
from tests.drawn import NORTH, SOUTH
from tests.grid_database import GridDatabase
from tests.layers.tiles.decoder import decoded
from tests.layers.tiles.test_addresses import features, tiles_of
from tests.live import LiveEngine, running_engine
from tests.serving.watched import read_until, resources_of, settles


def change(*boxes: tuple[float, float, float, float], county: str = "a", layer: str = "switch") -> Change:
    return Change({county: 2}, {county: {layer: np.array(boxes, np.float64)}})


def parsed(text: bytes) -> tuple[str, str, Any]:
    lines = dict(line.split(": ", 1) for line in text.decode().strip().split("\n"))
    return lines["event"], lines["id"], json.loads(lines["data"])


POINT = st.tuples(st.floats(-180, 180), st.floats(-85, 85))


@given(st.lists(POINT, min_size=1, max_size=400))
def test_every_tile_that_a_change_reaches_into_is_named_and_never_too_many(points: list[Any]) -> None:
    data = described(change(*((*point, *point) for point in points)), None)
    assert data is not None
    told = data["layers"]["switch"]
    z, tiles = told["zoom"], {tuple(tile) for tile in told["tiles"]}
    assert len(tiles) <= MOST_TILES
    assert z <= ZOOM
    for lon, lat in points:
        for tile in WEB_MERCATOR.tiles(Box(lon, lat, lon, lat), z):
            assert (tile.x, tile.y) in tiles
        west, south, east, north = told["bbox"]
        assert west <= lon <= east
        assert south <= lat <= north


def test_a_neighbour_in_whose_margin_the_change_lies_is_named_too() -> None:
    bounds = WEB_MERCATOR.bounds(Tile(ZOOM, 13_123, 7_112))
    inside = bounds.west + (bounds.east - bounds.west) * (MARGIN / EXTENT) / 2
    middle = (bounds.south + bounds.north) / 2
    data = described(change((inside, middle, inside, middle)), None)
    assert data is not None
    assert data["layers"]["switch"]["tiles"] == [[13_122, 7_112], [13_123, 7_112]]


def test_who_sees_some_counties_hears_of_these_alone() -> None:
    both = Change(
        {"a": 7, "b": 3},
        {"a": {"switch": np.array([[1.0, 1, 1, 1]])}, "b": {"line_section": np.array([[2.0, 2, 2, 2]])}},
    )
    only_b = described(both, frozenset({"b"}))
    assert only_b is not None
    assert (only_b["grid_version"], list(only_b["layers"])) == ({"b": 3}, ["line_section"])
    assert described(both, frozenset({"c"})) is None


def test_a_listener_who_comes_back_is_told_what_was_missed_or_to_look_at_everything() -> None:
    feed = Feed()
    first = iter(Listener(feed, None, {"a": 1}, last_event_id=None, heartbeat_s=0))
    name, at, data = parsed(next(first).split(b"\n", 1)[1])
    assert (name, data) == ("hello", {"grid_version": {"a": 1}})
    assert next(first) == b": still here\n\n"
    for _ in range(3):
        feed.publish(change((1, 1, 1, 1)))
    seen = [parsed(next(first)) for _ in range(3)]
    assert {name for name, _, _ in seen} == {"tiles"}
    again = iter(Listener(feed, None, {"a": 4}, last_event_id=seen[0][1], heartbeat_s=0))
    assert parsed(next(again).split(b"\n", 1)[1])[0] == "hello"
    assert [parsed(next(again)) for _ in range(2)] == seen[1:]
    for foreign in ("0000.1", "nonsense", "", f"{feed.process}.x"):
        other = iter(Listener(feed, None, {"a": 4}, last_event_id=foreign, heartbeat_s=0))
        assert parsed(next(other).split(b"\n", 1)[1])[0] == "reset"
    for _ in range(REMEMBERED + 1):
        feed.publish(change((1, 1, 1, 1)))
    late = iter(Listener(feed, None, {"a": 4}, last_event_id=at, heartbeat_s=0))
    next(late)
    assert parsed(next(late))[0] == "reset"
    feed.forget()
    assert parsed(next(late))[0] == "reset"
    feed.end()
    with pytest.raises(StopIteration):
        next(late)


def test_a_stream_ends_in_time_so_that_tokens_are_looked_at_again() -> None:
    told = list(Listener(Feed(), None, {}, last_event_id=None, heartbeat_s=0.01, lifetime_s=0.05))
    assert 1 < len(told) < 10


@contextmanager
def listening(engine: LiveEngine, **headers: str) -> Iterator[Iterator[tuple[str, str, Any]]]:
    with engine.client.stream("GET", "/tiles/events", headers=headers, timeout=30) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")

        def events() -> Iterator[tuple[str, str, Any]]:
            held: list[str] = []
            for line in answer.iter_lines():
                if line:
                    held.append(line)
                    continue
                if any(one.startswith("event: ") for one in held):
                    yield parsed("\n".join(held).encode())
                held = []

        yield events()


def news(events: Iterator[tuple[str, str, Any]], hello: dict[str, Any]) -> tuple[str, str, Any]:
    """The next event that tells more than `hello` did: a load just before it may still be told after it."""
    known = hello["grid_version"]
    return next(one for one in events if not one[2]["grid_version"].items() <= known.items())


def test_a_switch_operation_is_told_with_the_tiles_that_it_changed(drawn_engine: LiveEngine) -> None:
    customers = features(drawn_engine, "customer_point")
    tiles = tiles_of(customers, ZOOM)
    paths = {tile: f"/tiles/customer_point/{ZOOM}/{tile.x}/{tile.y}.mvt" for tile in tiles}
    before = {tile: decoded(drawn_engine.get(path).content) for tile, path in paths.items()}
    with listening(drawn_engine) as events:
        name, _, data = next(events)
        assert name == "hello"
        assert data["grid_version"] == drawn_engine.ask("/ogc/collections/switch/items")["grid_version"]
        answer = drawn_engine.operate({"id": "FU1", "open": True})
        name, at, data = news(events, data)
        assert name == "tiles"
        assert data["grid_version"].items() <= answer["grid_version"].items()
        assert SOUTH in data["grid_version"]
        told = data["layers"]["customer_point"]
        assert told["zoom"] == ZOOM
        named = {Tile(ZOOM, *tile) for tile in told["tiles"]}
        for tile, path in paths.items():
            changed = decoded(drawn_engine.get(path).content) != before[tile]
            assert not changed or tile in named
        assert "corridor" not in data["layers"]
        assert {"switch", "power_transformer", "line_section"} <= data["layers"].keys()
        assert {"feeder", "outage_area"} <= data["layers"].keys()
        assert "topology_issue" not in data["layers"]
        drawn_engine.operate({"id": "FU1", "open": False})
        second = next(events)
    with listening(drawn_engine, **{"Last-Event-ID": at}) as events:
        assert next(events)[0] == "hello"
        assert next(events) == second


def test_hundreds_listen_without_a_thread_each_and_all_are_told(drawn_engine: LiveEngine) -> None:
    """Three hundred clients, a change, and an end of all that leaves nothing behind."""
    before = resources_of(drawn_engine)
    with ExitStack() as stack:
        streams = []
        for _ in range(300):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", drawn_engine.port), timeout=30))
            one.sendall(b"GET /tiles/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            streams.append(one)
        hellos = [read_until(one, b"event: hello") for one in streams]
        assert all(b"200 OK" in text and b"text/event-stream" in text for text in hellos)
        assert drawn_engine.client.head("/tiles/events").status_code == 200
        for _ in range(20):
            assert drawn_engine.get("/ogc/collections/switch/items?limit=1").status_code == 200
        assert resources_of(drawn_engine).threads <= before.threads + THREADS
        drawn_engine.operate({"id": "FU1", "open": True})
        told = {read_until(one, b"event: tiles").split(b"event: tiles", 1)[1] for one in streams}
        assert all(b'"customer_point"' in text for text in told)
    settles(lambda: resources_of(drawn_engine).sockets <= before.sockets, "the connections are closed")


def test_an_open_stream_does_not_keep_the_engine_from_ending(
    migrated_database: GridDatabase, tmp_path: Path
) -> None:
    with running_engine(migrated_database.dsn, tmp_path) as engine, listening(engine) as events:
        assert next(events)[0] == "hello"
        began = time.monotonic()
        engine.child.send_signal(signal.SIGTERM)
        engine.child.wait(20)
        assert time.monotonic() - began < 12  # the server kills what has not ended after 15 s


def test_versions_of_both_counties_are_those_of_the_hello(drawn_engine: LiveEngine) -> None:
    with listening(drawn_engine) as events:
        assert set(next(events)[2]["grid_version"]) == {NORTH, SOUTH}
