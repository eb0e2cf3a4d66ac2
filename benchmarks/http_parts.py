"""Where the time of an outage question goes inside the engine: `python -m benchmarks.http_parts`.

Each part is asked over and over in one thread, without a server; printed is the quickest of many short runs,
which other programs disturb least. What a request costs beyond the whole is the server's and the network's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.province import ground, province_directory
from benchmarks.setting import Setting
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.mapped import MappedGrid
from gis_service.home import home
from gis_service.web.plain import plain_question

_CALLS, _RUNS = 20, 1_000
_LISTS = ("customers", "districts")


def main() -> None:
    """Print the parts for the switch of the median number of customers among some hundred."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=300_000)
    arguments.add_argument("--data", type=Path, default=home() / "bench")
    given = arguments.parse_args()
    setting = Setting(given.data.absolute(), given.customers, given.customers, quick=False)
    engine = Engine(CurrentWorld(MappedGrid(province_directory(setting, given.customers))))
    scene = engine.scene()
    topology, world = scene.topology, scene.world
    counter = world.counter
    assert counter is not None
    some = []
    for edge in ground(setting, given.customers).random_switches(200, seed=25):
        lost = counter.lost(np.array([edge], np.int64))
        some.append((0 if lost is None else lost[0].size, int(edge)))
    size, edge = sorted(some)[len(some) // 2]
    id = str(topology.tables.switches.id[edge - topology.first_edge("switch")])
    gone = np.array([edge], np.int64)
    body = b'{"out":["%b"],"include":[]}' % id.encode()
    asked = plain_question(body)
    assert asked is not None
    case = asked.cases[0]
    lost = counter.lost(gone)
    assert lost is not None
    listing = world.listing
    page = listing.pages.open(listing.pages.part_of_edge(edge)).page
    parts: dict[str, Callable[[], object]] = {
        "read the question": lambda: plain_question(body),
        "the world and the time": engine.scene,
        "find the id": lambda: topology.ids.find(id),
        "count who is lost, as text": lambda: counter.text(gone),
        "head of the answer": scene.head_text,
        "counts, altogether": lambda: list(engine.outage_text(case, ())),
        "count who is lost, as rows": lambda: counter.lost(gone),
        "text of the districts": lambda: listing.districts(lost[1]),
        "text of the customers": lambda: list(listing.customers(*lost)),
        "lists, altogether, in a thread": lambda: list(engine.outage_text(case, _LISTS)),
        "list who is lost, as text": lambda: counter.lists(gone, page, districts=True, customers=True),
    }
    print(f"{given.customers:,} customers; a switch that {size} of them lose supply by")
    for name, part in parts.items():
        print(f"{name:<30} {_quickest_us(part):6.1f} µs")


def _quickest_us(part: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_RUNS):
        began = time.perf_counter()
        for _ in range(_CALLS):
            part()
        best = min(best, time.perf_counter() - began)
    return best / _CALLS * 1e6


if __name__ == "__main__":
    main()
