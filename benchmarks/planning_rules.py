"""What simple rules of connecting a customer cost beside the choice made as a whole.

`python -m benchmarks.planning_rules [GRID…]` prints the table.

The rules are those that planning tools follow. All choose among the same places, routes and conductors at the
lowest level that takes the load, pay the same prices and keep the same limits; the way is the shortest, the
conductor the cheapest that holds:

- nearest bus: the node that is nearest as the crow flies, or none;
- nearest line: the nearest place of any kind, taps of lines among them, or none;
- first that fits: one place after the other, the nearest first, until one holds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from benchmarks.planning_grid import planning_scene
from gis_service.engine.schemes import Planned, Planner, SchemeAsked, lay_out_question
from gis_service.engine.world import Scene
from gis_service.errors import Impossible
from gis_service.ingest.demo import demo_package
from gis_service.ingest.osm import streets_demo_package
from gis_service.ingest.package import GridPackage
from gis_service.planning.search import Block
from gis_service.planning.sites import LINE_TAP

QUESTIONS = 200
LOADS_KVA = (8.0, 30.0, 100.0, 250.0, 630.0, 1600.0)
SIMBENCH = ("1-MV-urban--0-sw", "1-MVLV-rural-all-0-sw")
RULES = ("nearest bus", "nearest line", "first that fits")


class Compared(NamedTuple):
    """Cost of the best scheme, and of what each rule finds; None where it finds none."""

    best: float | None
    rules: tuple[float | None, ...]


def grids() -> Iterator[tuple[str, Callable[[], GridPackage]]]:
    """The grids of the comparison, by name."""
    yield "demo grid", demo_package
    yield "streets demo", streets_demo_package
    for code in SIMBENCH:

        def simbench(code: str = code) -> GridPackage:
            from gis_service.ingest.simbench_grid import import_simbench

            return import_simbench(code)

        yield f"SimBench {code}", simbench


def compare(scene: Scene, planner: Planner, questions: int = QUESTIONS) -> list[Compared]:
    """The same questions to all, near random customers; those with no place within reach are left out."""
    draw = np.random.default_rng(3)
    places = scene.tables.customers.xy
    found: list[Compared] = []
    for number in range(questions):
        at = places[int(draw.integers(0, len(places)))]
        lon, lat = (at + draw.normal(0, 3e-4, 2)).tolist()
        try:
            planned = lay_out_question(
                scene, SchemeAsked((lon, lat), LOADS_KVA[number % len(LOADS_KVA)]), planner
            )
        except Impossible:
            continue
        best = next(planned.search.best(), None)
        found.append(Compared(None if best is None else best.cost, by_rules(planned)))
    return found


def by_rules(planned: Planned) -> tuple[float | None, ...]:
    """The cost of what each of `RULES` finds."""
    block = next((one for one in planned.blocks if len(one.sites)), None)
    if block is None:
        return None, None, None
    order = np.argsort(block.sites.distance, kind="stable").tolist()
    buses = [place for place in order if block.sites.kind[place] != LINE_TAP]
    return (
        next((_along_shortest(planned, block, place) for place in islice(buses, 1)), None),
        next((_along_shortest(planned, block, place) for place in islice(order, 1)), None),
        next((cost for place in order if (cost := _along_shortest(planned, block, place)) is not None), None),
    )


def _along_shortest(planned: Planned, block: Block, place: int) -> float | None:
    """The cheapest conductor along the shortest way to a place that keeps all limits."""
    offered: list[tuple[float, float, float]] = []
    for offers in planned.search.offers:
        ways = np.flatnonzero(offers.place == place) if offers.block is block else np.empty(0, np.int64)
        if ways.size:
            way = ways[np.argmin(offers.routes.found.length[ways])]
            holds = way in offers.screened and bool(
                (some := np.array([way])).size and offers.holds(some, offers.chains(some))[0]
            )
            if holds:
                per_m = offers.conductor.cost_per_m
                offered.append((float(offers.routes.found.length[way]), per_m, float(offers.cost[way])))
    return min(offered)[2] if offered else None


def told(name: str, compared: list[Compared]) -> Iterator[str]:
    """The rows of the table for one grid."""
    for k, rule in enumerate(RULES):
        pairs = [(one.best, one.rules[k]) for one in compared if one.best is not None]
        both = [(best, cost) for best, cost in pairs if cost is not None]
        dearer = np.array([100.0 * (cost / best - 1.0) for best, cost in both])
        if not dearer.size:
            yield f"| {name} | {rule} | 0 of {len(pairs)} | | | |"
            continue
        assert dearer.min() > -1e-6, "a rule found what the search did not"
        yield (
            f"| {name} | {rule} | {len(both)} of {len(pairs)} | {np.count_nonzero(dearer > 1e-6)} "
            f"| {dearer.mean():.0f} % | {np.median(dearer):.0f} % |"
        )


def main() -> None:
    """Print the table."""
    print("| grid | rule | finds a scheme | dearer | dearer by, mean | median |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, package in grids():
        if len(sys.argv) < 2 or any(part in name for part in sys.argv[1:]):
            for row in told(name, compare(*planning_scene(package()))):
                print(row, flush=True)


if __name__ == "__main__":
    main()
