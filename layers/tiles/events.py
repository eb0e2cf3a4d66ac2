"""What changed on the map, told to whoever listens: a bounded history of changes, and one as an event.

Server-sent events (HTML Living Standard, 9.2). Pure but for waiting: knows no HTTP and not where changes come
from. A listener that missed changes which are no longer remembered, or those of another process, is told to
look at everything again. Whoever serves it waits in a thread (by going through it), or is woken and asks
(`told`).
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from layers.source import Counties, within
from layers.tiles.matrix import EXTENT, WEB_MERCATOR, Tile
from layers.tiles.plane import MARGIN

REMEMBERED = 256
"""Changes that a listener who comes back can still be told."""

ZOOM = 14
"""The level whose tiles are named."""

MOST_TILES = 256
"""Tiles of one layer in one event; where it would be more, those of a coarser level are named."""

LIFETIME_S = 900.0
"""Seconds after which a stream ends: who listens on comes back, and its token is looked at again."""

HEARTBEAT_S = 15.0
"""Seconds after which a listener to whom there is nothing to tell is told so."""

_MOST_DESCRIBED = 1_000

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Change:
    """What is another thing than it was.

    Parameters
    ----------
    versions
        Of the counties that moved, by county.
    boxes
        County → layer → boxes float64 `(n, 4)` in lon/lat around what is drawn differently.
    """

    versions: Mapping[str, int]
    boxes: Mapping[str, Mapping[str, F64]]


class Told(NamedTuple):
    """A change with its number."""

    number: int
    change: Change


@dataclass
class Feed:
    """The last changes, in order; safe for threads."""

    process: str = field(default_factory=lambda: secrets.token_hex(4))
    _changes: deque[Told] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _newest: int = 0
    _ended: bool = False
    _moved: threading.Condition = field(default_factory=threading.Condition)
    _woken: dict[object, Callable[[], None]] = field(default_factory=dict)
    _described: dict[tuple[int, Counties], dict[str, Any] | None] = field(default_factory=dict)

    def publish(self, change: Change) -> None:
        """Tell a change to all who listen."""
        with self._moved:
            self._newest += 1
            self._changes.append(Told(self._newest, change))
            self._described.clear()
            self._wake()

    def forget(self) -> None:
        """Something changed and it is not known what: all who listen are to look at everything again."""
        with self._moved:
            self._newest += 1
            self._changes.clear()
            self._wake()

    def end(self) -> None:
        """Let all listeners go: the process is about to end."""
        with self._moved:
            self._ended = True
            self._wake()

    @property
    def ended(self) -> bool:
        """Whether nothing more will be told."""
        return self._ended

    @property
    def newest(self) -> int:
        """The number of the newest change."""
        return self._newest

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have something called whenever a change is told, and at the end; gives what ends that.

        Called by whoever tells the change, so it must be quick.
        """
        key = object()
        with self._moved:
            self._woken[key] = wake

        def end() -> None:
            with self._moved:
                self._woken.pop(key, None)

        return end

    def wait(self, after: int, timeout_s: float) -> None:
        """Return when there is a change after a number, at the end, or when the time is over."""
        with self._moved:
            self._moved.wait_for(lambda: self._newest > after or self._ended, timeout_s)

    def after(self, number: int) -> list[Told] | None:
        """The changes after a number; None where some of them are no longer remembered."""
        with self._moved:
            if self._newest == number:
                return []
            if number > self._newest or not self._changes or self._changes[0].number > number + 1:
                return None
            return [one for one in self._changes if one.number > number]

    def described(self, told: Told, counties: Counties) -> dict[str, Any] | None:
        """A change as those may know it who see some counties; worked out once for all who see the same."""
        key = told.number, counties
        try:
            return self._described[key]
        except KeyError:
            found = described(told.change, counties)
        if len(self._described) < _MOST_DESCRIBED:
            self._described[key] = found
        return found

    def _wake(self) -> None:
        self._moved.notify_all()
        for wake in self._woken.values():
            wake()

    def position(self, last_event_id: str | None) -> int | None:
        """The number of the event that a listener had last; None where it is not one of this process."""
        process, _, number = (last_event_id or "").partition(".")
        if process != self.process or not number.isascii() or not number.isdecimal() or len(number) > 15:
            return None
        return int(number)


class Listener:
    """What one listener is told: events as long as somebody takes them, and no longer than a stream lives.

    The first is `hello`, or `reset` where a listener came back whose place is not known any more; both carry
    the versions of the counties as they are now.

    Parameters
    ----------
    counties
        What it may hear of.
    versions
        Of these counties.
    last_event_id
        Where it was before; None: it is new.
    heartbeat_s, lifetime_s
        As `HEARTBEAT_S` and `LIFETIME_S`.
    """

    idle = b": still here\n\n"

    def __init__(
        self,
        feed: Feed,
        counties: Counties,
        versions: Mapping[str, int],
        *,
        last_event_id: str | None,
        heartbeat_s: float = HEARTBEAT_S,
        lifetime_s: float = LIFETIME_S,
    ) -> None:
        self.pause_s = heartbeat_s
        self._feed = feed
        self._counties = counties
        at = feed.position(last_event_id)
        name = "reset" if last_event_id is not None and at is None else "hello"
        self._at = feed.newest if at is None else at
        hello = _event(feed, self._at, name, {"grid_version": dict(versions)})
        self._first: list[bytes] = [b"retry: 2000\n" + hello]
        self._until = time.monotonic() + lifetime_s
        self.subscribe = feed.subscribe

    def told(self) -> list[bytes] | None:
        """The events since it was asked last; None at the end."""
        first, self._first = self._first, []
        if first:
            return first
        feed = self._feed
        if feed.ended or time.monotonic() >= self._until:
            return None
        changes = feed.after(self._at)
        if changes is None:
            self._at = feed.newest
            return [_event(feed, self._at, "reset", {})]
        found = []
        for one in changes:
            self._at = one.number
            if data := feed.described(one, self._counties):
                found.append(_event(feed, one.number, "tiles", data))
        return found

    def __iter__(self) -> Iterator[bytes]:
        while (events := self.told()) is not None:
            if not events:
                self._feed.wait(self._at, self.pause_s)
                events = self.told()
                if events is None:
                    return
            yield from events or [self.idle]


def described(change: Change, counties: Counties) -> dict[str, Any] | None:
    """A change as those may know it who see some counties; None where nothing of it is theirs."""
    layers: dict[str, list[F64]] = {}
    for county in within(sorted(change.boxes), counties):
        for layer, boxes in change.boxes[county].items():
            layers.setdefault(layer, []).append(boxes)
    moved = {county: change.versions[county] for county in within(sorted(change.versions), counties)}
    if not layers and not moved:
        return None
    told = {layer: _places(np.concatenate(layers[layer])) for layer in sorted(layers)}
    return {"grid_version": moved, "layers": told}


def _places(boxes: F64) -> dict[str, Any]:
    """The box around all, and the tiles of one level that any of them reaches into."""
    around = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
    z = ZOOM
    while (tiles := _tiles(boxes, z)) is None:
        z -= 1
    return {"bbox": around, "zoom": z, "tiles": [[tile.x, tile.y] for tile in tiles]}


def _tiles(boxes: F64, z: int) -> list[Tile] | None:
    """The tiles of a level that boxes reach into, their margins included; None where they are too many."""
    found: dict[Tile, None] = {}
    columns, rows = WEB_MERCATOR.size(z)
    margin = MARGIN / EXTENT
    # neighbours of a place mostly lie in its own tile
    for west, south, east, north in np.unique(boxes, axis=0).tolist():
        left, top = WEB_MERCATOR.place(west, north)
        right, bottom = WEB_MERCATOR.place(east, south)
        across = range(
            _index(left * columns - margin, columns), _index(right * columns + margin, columns) + 1
        )
        down = range(_index(top * rows - margin, rows), _index(bottom * rows + margin, rows) + 1)
        if z and len(across) * len(down) > MOST_TILES:
            return None
        found.update(dict.fromkeys(Tile(z, x, y) for y in down for x in across))
        if z and len(found) > MOST_TILES:
            return None
    return sorted(found)


def _index(share: float, count: int) -> int:
    return min(max(int(np.floor(share)), 0), count - 1)


def _event(feed: Feed, number: int, name: str, data: Mapping[str, Any]) -> bytes:
    head = f"id: {feed.process}.{number}\nevent: {name}\ndata: ".encode()
    return head + orjson.dumps(data) + b"\n\n"
