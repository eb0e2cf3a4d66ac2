"""Change a cluster under a steady load: nodes added, drained, removed, shards moved, counties isolated.

All the while clients operate switches, questions are asked and the whole grid is read; every third command is
killed or interrupted on its way and run again. Nothing may fail, be answered wrongly, or be lost.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from gis_service import store
from gis_service.ingest.package import tables_from_package
from soak.campaign import expect, violated
from soak.ring import COUNTIES as RING
from soak.ring import ring_package
from soak.serving import Serving, serving
from soak.spread import SpreadGrid, spread_grid
from soak.steady import Steady
from soak.surroundings import Surroundings
from soak.switching import Clients, check_effects, check_promises
from tests.cluster.citus_cluster import stored_in
from tests.store.grids import joined_packages, trunk_package

TRUNKS = ("990201", "990202", "990203", "990204")
NODES = 1500
PAUSE_S = 1.0
COUNTED = ("county", "connectivity_node", "line_section", "switch", "customer_point", "corridor")
STEPS = 2
ENDING_S = 30


class MovedShards:
    """Rounds over one cluster, which each begin with the cluster that the one before has left."""

    def __init__(self, grid: SpreadGrid, engine: Serving) -> None:
        self._grid = grid
        self._engine = engine
        self._still = trunk_package(TRUNKS, NODES)
        self._package = joined_packages(
            ring_package(), self._still
        )  # switches are operated in the ring alone
        self._ring = tables_from_package(ring_package())
        self.seen: Counter[str] = Counter()
        self.slowest_write_s = 0.0
        self.slowest_read_s = 0.0

    def run(self, _number: int, chance: random.Random) -> str:
        """A few commands under load."""
        return self.under_load([()] * STEPS, chance)

    def under_load(
        self, steps: list[tuple[str, ...]], chance: random.Random, *, break_off: bool = True
    ) -> str:
        """Carry commands out under load and judge; for `()`, one that fits is chosen when it is its turn."""
        self._grid.empty()
        store.load_package(self._package)
        self._engine.catch_up()
        since = datetime.now(UTC)
        time.sleep(0.01)
        counts = self._grid.row_counts(COUNTED)
        logged = self._engine.logged()
        clients = Clients(
            self._engine.url,
            self._ring.switches.id.tolist(),
            chance.randrange(10**9),
            pause_s=PAUSE_S,
            late_share=0.0,  # the moment that is asked for stays as it was
        )
        steady = Steady(self._engine.url, self._package, self._still, since, chance)
        with clients.at_work(), steady.at_work():
            told = [self._step(step, clients, chance, break_off) for step in steps]
            time.sleep(0.5)
        expect(not steady.odd, "; ".join(steady.odd[:3]))
        failed = {status: count for status, count in clients.statuses.items() if status != 200}
        expect(not failed, f"batches of switch operations were refused: {failed}: {_refusals(clients)}")
        expect(not clients.odd, "; ".join(clients.odd[:3]))
        seen = check_promises(self._grid.here, clients)
        answered = seen["batches acknowledged"]
        expect(answered == len(clients.sent), f"batches of switch operations went unanswered: {seen}")
        check_effects(self._grid.here, self._ring)
        found = self._grid.row_counts(COUNTED)
        expect(found == counts, f"rows were {counts} and are {found}")
        said = self._engine.said(logged)
        expect("ERROR" not in said and "Traceback" not in said, f"the engine logged: {said}")
        self.seen += seen
        self.seen += steady.met
        self.slowest_read_s = max(self.slowest_read_s, steady.slowest_s)
        return (
            f"{'; '.join(told)}; {answered} batches, {steady.met['answers']} answers, the slowest read "
            f"{steady.slowest_s:.1f} s"
        )

    def command(self, chance: random.Random) -> tuple[str, ...]:
        """A command that the cluster as it is now allows."""
        shards = self._grid.shards_by_address()
        workers = [one for one in self._grid.spare if one in shards]
        own = self._grid.counties_own()
        allowed: list[tuple[str, ...]] = [("rebalance",), ("rebalance",)]
        allowed += [("add-node", one) for one in self._grid.spare if one not in shards] * 2
        allowed += [("drain-node", one) for one in workers if shards[one]]
        allowed += [("remove-node", one) for one in workers if not shards[one]]
        allowed += [("isolate", one) for one in (*RING, *TRUNKS) if one not in own]
        return chance.choice(allowed)

    def _step(self, step: tuple[str, ...], clients: Clients, chance: random.Random, break_off: bool) -> str:
        """One command, perhaps broken off and run again; what happened."""
        step = step or self.command(chance)
        broken = ""
        clients.slowest_s = 0.0
        if break_off and chance.random() < 1 / 3:
            process = self._grid.command(*step)
            number = chance.choice((signal.SIGKILL, signal.SIGINT))
            try:
                process.communicate(timeout=chance.uniform(0.5, 12))
            except subprocess.TimeoutExpired:
                process.send_signal(number)
                _ends(process, step, number)
                broken = f" ({number.name}, and again)"
                self.seen[f"commands broken off by {number.name}"] += 1
        began = time.monotonic()
        self._again(step)
        if step[0] == "remove-node":
            self._grid.forget(step[1])
        self.seen[f"commands: {step[0]}"] += 1
        self.slowest_write_s = max(self.slowest_write_s, clients.slowest_s)
        return (
            f"{' '.join(step)}{broken} in {time.monotonic() - began:.1f} s, the slowest write "
            f"{clients.slowest_s:.1f} s"
        )

    def _again(self, step: tuple[str, ...]) -> None:
        """Run it to its end; one that was killed may hold the cluster for a moment more."""
        deadline = time.monotonic() + 60
        while True:
            process = self._grid.command(*step)
            _, err = process.communicate(timeout=600)
            if process.returncode == 0:
                return
            if "is changing the cluster" not in err or time.monotonic() > deadline:
                violated(f"cluster {' '.join(step)} exits with {process.returncode}: {err.strip()}")
            time.sleep(0.5)


def _ends(process: subprocess.Popen[str], step: tuple[str, ...], number: signal.Signals) -> None:
    """Wait until a command that was broken off is gone.

    Raises
    ------
    Violation
        It goes on; it is killed.
    """
    try:
        process.communicate(timeout=ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        violated(f"cluster {' '.join(step)} goes on {ENDING_S} s after {number.name}")


def _refusals(clients: Clients) -> str:
    return "; ".join([*clients.odd, *(one.refused for one in clients.sent if one.refused)])[:800]


@contextmanager
def moved_shards(here: Surroundings) -> Iterator[MovedShards]:
    """The campaign: a cluster of one node and two servers beside it, and an engine over it."""
    with spread_grid(here.home / "moves", settings={}) as grid, stored_in(grid.here.dsn):
        store.close_pools()
        with serving(grid.here, name="engine") as engine:
            yield MovedShards(grid, engine)
        store.close_pools()
