"""The synthetic provinces that the contests are held on: generated once, kept as snapshots, mapped again.

Knows the generator and the snapshots. A province is made anew when the code that decides its content changed.
"""

from __future__ import annotations

import secrets
import shutil
from functools import lru_cache
from pathlib import Path

import numpy as np
import xxhash

import gis_service.province
from benchmarks.setting import Setting
from gis_service.engine.following.mapped import MappedGrid
from gis_service.errors import NotReady
from gis_service.kernels.compiled import I64
from gis_service.network.switching import SwitchState, conducting, normal_state
from gis_service.network.topology import Topology
from gis_service.province.generate import generate, plan_province
from gis_service.province.grid import grid_tables
from gis_service.snapshots.province import write_counties

COUNTIES, SEED = 10, 1
LARGE = 5_000
"""Customers beyond a large breaker."""


def province_directory(setting: Setting, customers: int) -> Path:
    """Snapshots of the province of so many customers, generated where there are none."""
    target = setting.data / f"province-{customers}-{province_edition()}"
    if not _opens(target):
        setting.say(f"generating a province of {customers:,} customers, once, into {target}")
        for older in setting.data.glob(f"province-{customers}-*"):
            shutil.rmtree(older)
        setting.data.mkdir(parents=True, exist_ok=True)
        draft = setting.data / f"draft-{secrets.token_hex(4)}"
        counties = max(1, min(COUNTIES, customers // 1000))
        plan = plan_province(counties=counties, customers=customers, seed=SEED, shapes="squares")
        write_counties(draft, ((code, grid_tables(layers)) for code, layers in generate(plan)))
        MappedGrid(draft).load()  # writes the snapshot of the network as well
        draft.rename(target)
    return target


def _opens(directory: Path) -> bool:
    """Whether there are snapshots there that this code reads."""
    try:
        return bool(MappedGrid(directory).load().tables.counties)
    except NotReady:
        return False


@lru_cache(maxsize=1)
def province_edition() -> str:
    """Identity of the code that decides what a province holds and in which order."""
    found = xxhash.xxh3_64(f"{COUNTIES} {SEED}".encode())
    for path in sorted(Path(str(gis_service.province.__file__)).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:8]


class Ground:
    """A province ready for questions: its network, the normal state, and devices to take out.

    Attributes
    ----------
    conducting
        Edges that conduct in the normal state, ascending.
    below, above
        By edge, the node on its far and on its near side as seen from the supply; -1 where no tree leads
        over it.
    """

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.state: SwitchState = normal_state(topology)
        self.conducting: I64 = np.flatnonzero(conducting(topology, self.state) != 0)
        (supply,) = topology.forests
        self.supply = supply
        forest = supply.forest
        self.below = np.full(topology.n_edges, -1, np.int64)
        in_tree = np.flatnonzero(forest.below >= 0)
        self.below[in_tree] = forest.node[forest.below[in_tree]]
        self.above = np.where(self.below == topology.edge_from, topology.edge_to, topology.edge_from)
        self.above[self.below < 0] = -1
        self._first_switch = topology.first_edge("switch")

    def random_switches(self, number: int, seed: int) -> list[int]:
        """Edges of random closed switches that everything beyond hangs on: rings and twin lines excluded."""
        switches = np.arange(len(self.topology.tables.switches)) + self._first_switch
        return self._drawn(switches[self._alone(switches)], number, seed)

    def feeder_breakers(self, number: int, seed: int) -> list[int]:
        """Edges of random head switches of feeders, likewise."""
        heads = self.topology.feeders.head_row + self._first_switch
        return self._drawn(heads[self._alone(heads)], number, seed)

    def large_breakers(self, number: int, seed: int) -> list[int]:
        """Edges of random closed switches with as many customers beyond them as several feeders have."""
        forest, offset = self.supply.forest, self.supply.customers.offset
        switches = self.closed_switches()
        start = forest.below[switches]
        start = np.where(start < 0, 0, start)
        large = (start > 0) & (offset[forest.end[start]] - offset[start] >= LARGE)
        return self._drawn(switches[large & self._alone(switches)], number, seed)

    def closed_switches(self) -> I64:
        """Edges of all switches that normally conduct."""
        last = self._first_switch + len(self.topology.tables.switches)
        of_switches: I64 = self.conducting[(self.conducting >= self._first_switch) & (self.conducting < last)]
        return of_switches

    def _drawn(self, edges: I64, number: int, seed: int) -> list[int]:
        chosen = np.random.default_rng(seed).choice(edges, min(number, edges.size), replace=False)
        return [int(edge) for edge in chosen]

    def _alone(self, edges: I64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether no conducting chord leads around an edge of the tree."""
        forest, chords = self.supply.forest, self.supply.chords
        live = np.isin(chords.edge, self.conducting)
        start = forest.below[edges]
        alone = start >= 0
        for a, b in zip(chords.a[live].tolist(), chords.b[live].tolist(), strict=True):
            stop = forest.end[start]
            alone &= ((start <= a) & (a < stop)) == ((start <= b) & (b < stop))
        return alone


@lru_cache(maxsize=2)
def ground(setting: Setting, customers: int) -> Ground:
    """The province of so many customers, mapped."""
    directory = province_directory(setting, customers)
    topology = MappedGrid(directory).load().topology
    assert topology is not None
    return Ground(topology)
