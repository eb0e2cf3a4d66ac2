"""A switch operation and the tile that shows it, by HTTP over the database: how long until it is fresh.

One operation after another on a province that is served: a random switch opens, then closes again, and a tile
that shows its place at some level is asked for with the tag that it had. Timed from the sending, and from the
acknowledgement, to the end of a tile with another tag.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cached_property, partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.http_client import Connection
from benchmarks.pairing import Limit
from benchmarks.processes import engine_serving
from benchmarks.province import Ground, ground
from benchmarks.served import served_database
from benchmarks.server import server
from benchmarks.setting import Setting
from benchmarks.tile_contents import contents
from layers.source import Box
from layers.tiles.matrix import WEB_MERCATOR, Tile

NAMES = ("fresh-tile-",)
OPERATIONS, PROVED = 400, 20
LEVELS = range(8, 17)
ACKNOWLEDGED_S, SENT_S = 0.05, 0.15
"""Of these the second one has the operation in it, which may take 100 ms until it is in PostgreSQL."""

LAYERS = "substation,line_section,switch,power_transformer,customer_point"
PROPERTIES = "id,energised,open"
_RANKS = {"p50": 0.5, "p99": 0.99}


class Spent(NamedTuple):
    """Seconds to a fresh tile: from the acknowledgement, and from the sending."""

    acknowledged: float
    sent: float


def contests(setting: Setting) -> Iterator[Limit]:
    """The median and the 99th percentile, from the acknowledgement and from the sending."""
    here = ground(setting, setting.customers)
    with (
        server(setting) as cluster,
        engine_serving(setting, served_database(cluster, here, setting)) as address,
    ):
        run = _Run(here, Connection(address), setting.some(OPERATIONS), setting.some(PROVED))
        many = f"{setting.customers:,} customers"
        for since, limit in (("acknowledged", ACKNOWLEDGED_S), ("sent", SENT_S)):
            for name, rank in _RANKS.items():
                yield Limit(
                    name=f"fresh-tile-{since}-{name}",
                    work=f"{name} of {setting.some(OPERATIONS)} switch operations, from each being {since} "
                    f"to a fresh tile of level {LEVELS[0]} to {LEVELS[-1]}, {many}",
                    limit=limit,
                    measure=partial(run.at, since, rank),
                    right=lambda: run.proved,
                    rounds=1,
                )


class _Run:
    """All operations, done once when the first figure is asked for."""

    def __init__(self, here: Ground, engine: Connection, operations: int, proved: int) -> None:
        self._here = here
        self._engine = engine
        self._proof = proved
        rows = here.random_switches(max(1, operations // 2), seed=61)
        self._switches = [edge - here.topology.first_edge("switch") for edge in rows]

    def at(self, since: str, rank: float) -> float:
        """The time that so many of the operations take at most, as a part of all."""
        spent = sorted(getattr(one, since) for one in self._spent)
        return float(spent[min(len(spent) - 1, math.ceil(rank * len(spent)) - 1)])

    @cached_property
    def _spent(self) -> list[Spent]:
        for open in (True, False):  # connections, and what is made at the first time
            self._operated(self._switches[0], open, LEVELS[-1])
        return [
            self._operated(row, open, _level(2 * number + (not open)))[0]
            for number, row in enumerate(self._switches)
            for open in (True, False)
        ]

    @cached_property
    def proved(self) -> bool:
        """Whether tiles after some other operations tell of every element what a search from nothing does."""
        stands = np.asarray(self._here.topology.switchgear.loaded_open).copy()
        for number, row in enumerate(self._switches[: self._proof]):
            stands[row] = True
            _, tile = self._operated(row, True, _level(number))
            if not _told_right(self._here, stands, tile):
                return False
            stands[row] = False
            _, tile = self._operated(row, False, _level(number))
            if not _told_right(self._here, stands, tile):
                return False
        return True

    def _operated(self, row: int, open: bool, z: int) -> tuple[Spent, bytes]:
        """Operate a switch, and fetch a tile of its place until that is another one."""
        switches = self._here.topology.tables.switches
        lon, lat = map(float, switches.xy[row])
        (tile, *_) = WEB_MERCATOR.tiles(Box(lon, lat, lon, lat), z)
        path = _path(tile)
        _, headers, _ = self._engine.ask("GET", path)
        body = json.dumps([{"id": str(switches.id[row]), "open": open}]).encode()
        began = perf_counter()
        status, _, answer = self._engine.ask(
            "POST", "/v1/switch-operations", body, {"Content-Type": "application/json"}
        )
        acknowledged = perf_counter()
        if status != 200:
            raise RuntimeError(f"the operation was not recorded: {status} {answer[:300]!r}")
        while True:
            status, _, data = self._engine.ask("GET", path, headers={"If-None-Match": headers["ETag"]})
            if status != 304:
                done = perf_counter()
                return Spent(done - acknowledged, done - began), data if status == 200 else b""


def _level(number: int) -> int:
    return LEVELS[number % len(LEVELS)]


def _path(tile: Tile) -> str:
    return f"/tiles/{LAYERS}/{tile.z}/{tile.x}/{tile.y}.mvt?properties={PROPERTIES}"


def _told_right(here: Ground, open: Any, tile: bytes) -> bool:
    """Whether a tile tells how each switch stands, and of each line and customer whether it has voltage."""
    told = contents(tile)
    topology = here.topology
    lit = _phases_by_search(here, open)
    ids = topology.ids

    def rows(layer: str) -> tuple[Any, list[dict[str, Any]]]:
        features = [dict(one) for one in told.get(layer, [])]
        found = [ids.row(layer, one["id"]) for one in features]
        return np.array(found, np.int64), features

    at, features = rows("switch")
    if any(one["open"] != bool(open[row]) for row, one in zip(at.tolist(), features, strict=True)):
        return False
    for layer in ("line_section", "switch", "power_transformer"):
        at, features = rows(layer)
        edges = topology.first_edge(layer) + at
        there = lit[topology.edge_from[edges]] | lit[topology.edge_to[edges]]
        expected = (there & topology.edge_phases[edges]) != 0
        if [one["energised"] for one in features] != expected.tolist():
            return False
    at, features = rows("customer_point")
    needs, there = topology.customer_needs[at], lit[topology.customer_node[at]]
    expected = np.where(needs != 0, (needs & there) == needs, there != 0)
    return bool([one["energised"] for one in features] == expected.tolist())


def _phases_by_search(here: Ground, open: Any) -> Any:
    """The phases with supply at every node, by what hangs together with the root; scipy's search."""
    topology = here.topology
    conduct = np.asarray(topology.edge_phases).copy()
    first = topology.first_edge("switch")
    conduct[first : first + len(open)][open] = 0
    known = (topology.edge_from >= 0) & (topology.edge_to >= 0)
    size = topology.n_nodes + 1
    lit = np.zeros(size + 1, np.uint8)  # the last one stands for a node that is not known
    for bit in (1, 2, 4):
        edges = np.flatnonzero(known & ((conduct & bit) != 0))
        pairs = (topology.edge_from[edges], topology.edge_to[edges])
        _, label = connected_components(
            coo_array((np.ones(edges.size, np.int8), pairs), shape=(size, size)), directed=False
        )
        lit[:size][label == label[topology.root]] |= bit
    lit[topology.root] = 0
    return lit
