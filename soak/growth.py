"""A whole province on one node, then three, then two, under switch operations: what each step takes.

The figures are printed for a reader to judge; whether anything is lost is judged here.
`--customers` sets the size.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gis_service import store
from soak.campaign import expect
from soak.moves import COUNTED
from soak.serving import serving
from soak.spread import SpreadGrid, spread_grid
from soak.surroundings import Surroundings
from soak.switching import Clients, check_promises
from tests.cluster.citus_cluster import stored_in

COUNTIES = 111
LARGEST = 3
OPERATED = 200
READY_S = 1200.0
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB"}


class GrownProvince:
    """Rounds that each load the province onto one node and take it to three and back to two."""

    def __init__(self, grid: SpreadGrid, package: Path) -> None:
        self._grid = grid
        self._package = package
        self.seen: Counter[str] = Counter()

    def run(self, _number: int, chance: random.Random) -> str:
        """Load, grow, isolate, shrink; the seconds of each."""
        first, second = self._grid.spare
        self._one_node()
        self._grid.empty()
        began = time.monotonic()
        done = self._grid.here.gridgis("load", str(self._package), seconds=3600)
        expect(done.returncode == 0, f"the load failed: {done.stderr}")
        self._say(f"load onto one node: {time.monotonic() - began:.0f} s", status=True)
        counts = self._grid.row_counts(COUNTED)
        with serving(self._grid.here, name="growth", seconds=READY_S) as engine:
            switches = [
                str(id) for (id,) in self._grid.here.query("SELECT id FROM switch WHERE NOT normal_open")
            ]
            clients = Clients(
                engine.url,
                chance.sample(switches, OPERATED),
                chance.randrange(10**9),
                pause_s=0.2,
                late_share=0.0,
            )
            with clients.at_work():
                self._quiet(clients, 15)
                for step in (
                    ("add-node", first),
                    ("add-node", second),
                    ("rebalance",),
                    ("isolate", "--largest", str(LARGEST)),
                    ("rebalance",),
                    ("drain-node", second),
                    ("remove-node", second),
                ):
                    self._step(clients, step)
            failed = {status: count for status, count in clients.statuses.items() if status != 200}
            expect(not failed, f"batches of switch operations were refused: {failed}")
            self.seen += check_promises(self._grid.here, clients)
        found = self._grid.row_counts(COUNTED)
        expect(found == counts, f"rows were {counts} and are {found}")
        return f"{sum(counts.values()):,} rows of {len(counts)} tables on one node, three, two; all there"

    def _one_node(self) -> None:
        """Back to the coordinator alone, after a round before."""
        for address in self._grid.spare:
            if address in self._grid.shards_by_address():
                coordinator = next(
                    one for one in self._grid.shards_by_address() if one not in self._grid.spare
                )
                self._grid.run("add-node", coordinator)
                self._grid.run("drain-node", address)
                self._grid.run("remove-node", address)
            self._grid.forget(address)

    def _quiet(self, clients: Clients, seconds: float) -> None:
        """What a write takes while nothing moves."""
        clients.slowest_s = 0.0
        before = clients.acknowledged
        time.sleep(seconds)
        number = clients.acknowledged - before
        self._say(f"nothing moves: {number} writes in {seconds:g} s, the slowest {clients.slowest_s:.2f} s")

    def _step(self, clients: Clients, step: tuple[str, ...]) -> None:
        clients.slowest_s = 0.0
        before, began = clients.acknowledged, time.monotonic()
        said = self._grid.run(*step)
        seconds = time.monotonic() - began
        moved = sum(" from " in line and line.partition(" of ")[0].isdigit() for line in said.splitlines())
        self._say(
            f"{' '.join(step)}: {seconds:.1f} s{f', {moved} shard groups moved' if moved else ''}; "
            f"{clients.acknowledged - before} writes, the slowest {clients.slowest_s:.2f} s",
            status=step[0] in ("rebalance", "isolate", "remove-node"),
        )

    def _say(self, line: str, *, status: bool = False) -> None:
        print(f"growth: {line}", flush=True)
        if status:
            print("\n".join(f"    {one}" for one in self._grid.run("status").splitlines()), flush=True)


@contextmanager
def grown_province(here: Surroundings) -> Iterator[GrownProvince]:
    """The campaign: the province made once and kept, a cluster of one node, two servers beside it."""
    package = here.home / f"province-{here.customers}"
    if not package.exists():
        done = here.gridgis(
            *("generate", "province", "--counties", str(COUNTIES), "--customers", str(here.customers)),
            *("--seed", "4", "-o", str(package)),
            seconds=3600,
        )
        expect(done.returncode == 0, f"the province was not made: {done.stderr}")
    with spread_grid(here.home / "growth", settings=SETTINGS) as grid, stored_in(grid.here.dsn):
        store.close_pools()
        yield GrownProvince(grid, package)
        store.close_pools()
