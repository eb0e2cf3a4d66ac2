"""Kill or freeze a worker of a cluster amid operations and loads over several counties.

The other counties are asked all along, each answer known beforehand and held to its deadline. When the worker
is back nothing is repaired by hand: what was acknowledged is there, what was prepared is decided, no county
holds a mixture, and the engine goes on by itself.
"""

from __future__ import annotations

import random
import shutil
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gis_service import store
from gis_service.engine.recording.loaded import end_restored
from gis_service.errors import GridError
from gis_service.ingest.package import GridPackage, tables_from_package
from gis_service.store.database import in_transaction
from sharding.placement import placements
from soak.asking import compare_answers, with_open
from soak.campaign import expect
from soak.contents import contents
from soak.killing import wait_for
from soak.ring import COUNTIES as RING
from soak.ring import ring_package
from soak.serving import Serving, serving
from soak.standing import Standing, standing_package
from soak.surroundings import Surroundings, migrate
from soak.switching import Clients, check_effects, check_promises, pause, send_again
from tests.cluster.citus_cluster import CitusCluster, stored_in
from tests.oracles import replay
from tests.store.grids import trunk_package

STANDING = ("990301", "990302", "990303", "990304", "990305", "990306")
LOADED = ("990201", "990202", "990203", "990204")
LONGEST_S = 1.5
PAUSE_S = 0.4  # refusals come back at once, and every refused batch is sent again at the end
LONGEST_AWAY_S = 9.0  # past the seconds after which a frozen node is given up
DURABLE = {"fsync": "on", "shared_buffers": "64MB"}


@dataclass(frozen=True)
class SpreadSurroundings(Surroundings):
    """A cluster of three nodes in the place of the one server."""

    nodes: CitusCluster = field(kw_only=True)

    @property
    def dsn(self) -> str:
        """The engine's database on the coordinator."""
        return self.nodes.dsn


@dataclass
class CountyLoader:
    """Replaces one or two counties at a time over and over, each in one of two versions."""

    packages: Mapping[tuple[str, int], GridPackage]
    chance: random.Random
    done: int = 0
    failed: int = 0
    slowest_s: float = 0.0
    odd: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Load during the block."""
        thread = threading.Thread(target=self._work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.05):
            package = self.packages[self.chance.choice(list(self.packages))]
            began = time.monotonic()
            try:
                store.load_package(package, replace=True, stored=store.StoredIds(), on_loaded=end_restored)
                self.done += 1
            except GridError:
                self.failed += 1
            except Exception as error:  # noqa: BLE001  # anything else is what this campaign looks for
                self.odd.append(f"a load failed with {type(error).__name__}: {error}")
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)


class LostWorkers:
    """Rounds of killed and frozen workers under one engine that is never started again."""

    def __init__(self, here: SpreadSurroundings, engine: Serving) -> None:
        self._here = here
        self._engine = engine
        self._process = engine.worker
        self._ring = ring_package()
        self._tables = tables_from_package(self._ring)
        self._standing = standing_package(STANDING)
        self._packages = {
            ("+".join(some), nodes): trunk_package(some, nodes, mark=f"{nodes}")
            for some in (*((one,) for one in LOADED), LOADED[:2], LOADED[2:])
            for nodes in (60, 80)
        }
        store.load_package(self._standing)
        store.load_package(self._ring)
        self._digests = [
            self._digests_of(trunk_package(LOADED, nodes, mark=f"{nodes}")) for nodes in (60, 80)
        ]
        self._holders = self._where()
        self.seen: Counter[str] = Counter()

    def _digests_of(self, package: GridPackage) -> dict[str, str]:
        store.load_package(package, replace=True)
        found = contents(self._here)
        return {county: found[county].digest for county in LOADED}

    def _where(self) -> dict[str, int]:
        """County → the number of the worker that holds it."""
        ports = self._here.nodes.ports
        with in_transaction() as cursor:
            found = placements(cursor, "switch", [*RING, *STANDING, *LOADED])
        held = {county: ports.index(one.node.port) for county, one in found.items()}
        for some in (RING, STANDING, LOADED):
            expect({held[county] for county in some} == {1, 2}, f"{some} lie on one worker alone: {held}")
        return held

    def run(self, _number: int, chance: random.Random) -> str:
        """Operate and load, take a worker away, bring it back, look."""
        self._begin_anew()
        since = self._engine.logged()
        worker, kind = chance.choice((1, 2)), chance.choice(("killed", "frozen"))
        lost = {county for county, number in self._holders.items() if number == worker}
        clients = Clients(
            self._engine.url,
            self._tables.switches.id.tolist(),
            chance.randrange(10**9),
            pause_s=PAUSE_S,
            since=datetime.now(UTC),
        )
        standing = Standing(self._engine.url, STANDING, lost, LOADED)
        loader = CountyLoader(self._packages, random.Random(chance.randrange(10**9)))
        moment, away_s = chance.uniform(0.05, LONGEST_S), chance.uniform(0.3, LONGEST_AWAY_S)
        then_commit = chance.random() < 0.5
        with clients.at_work(), standing.at_work(), loader.at_work():
            when = pause(self._here, moment, then_commit=then_commit)
            self._take_away(kind, worker, away_s)
            back_s = wait_for(self._is_whole, "the engine answers for every county again")
            before = clients.acknowledged
            wait_for(lambda: clients.acknowledged > before + 1, "operations are acknowledged again")
        store.close_pools()
        seen = check_promises(self._here, clients)
        check_effects(self._here, self._tables)
        send_again(clients)
        done = check_effects(self._here, self._tables)
        check_promises(self._here, clients)
        self._judge_loads(loader)
        expect(not standing.odd, "; ".join(standing.odd[:3]))
        self._judge_engine(since)
        self._engine.catch_up()
        now = replay.open_at(self._tables, done, datetime.max.replace(tzinfo=UTC))
        compare_answers(self._engine.client, with_open(self._tables, now), chance)
        self._count(seen, clients, standing, loader, f"workers {kind}")
        met = ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))
        return (
            f"worker {worker} {kind} {when}, away {away_s:.1f} s, all whole {back_s:.1f} s after; {met}; "
            f"{loader.done} loads done, {loader.failed} refused or given up; slowest question "
            f"{standing.slowest_s:.1f} s, operation {clients.slowest_s:.1f} s, load {loader.slowest_s:.1f} s"
        )

    def _begin_anew(self) -> None:
        """The ring as it was drawn, its record empty."""
        for table in ("switch_operation", "switch_answer", "interruption"):
            self._here.query(f"DELETE FROM {table}")
        self._here.query("UPDATE county_version SET last_operation = 0, last_interruption = 0")
        self._here.query(
            "UPDATE county_register SET last_operation = 0, operated_until = NULL, recent = '[]'"
        )
        store.load_package(self._ring, replace=True)
        self._engine.catch_up()

    def _take_away(self, kind: str, worker: int, away_s: float) -> None:
        nodes = self._here.nodes
        if kind == "frozen":
            with nodes.frozen(worker):
                time.sleep(away_s)
            return
        port = nodes.ports[worker]
        nodes.kill(worker)
        with socket.socket() as keeper:  # bound and deaf: others on this machine must not take its port
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):  # not all of the killed server may be gone yet
                keeper.bind(("127.0.0.1", port))
            time.sleep(away_s)
        nodes.revive(worker)

    def _is_whole(self) -> bool:
        report = self._engine.client.get("/readyz").json()
        return bool(report["status"] == "ready" and not report["degraded"] and not report["missing_counties"])

    def _judge_loads(self, loader: CountyLoader) -> None:
        expect(not loader.odd, "; ".join(loader.odd))
        found = contents(self._here)
        for county in LOADED:
            allowed = {one[county] for one in self._digests}
            digest = found[county].digest
            expect(digest in allowed, f"county {county} holds a mixture after {loader.done} loads")
        store.load_package(trunk_package(LOADED, 60, mark="60"), replace=True, on_loaded=end_restored)
        found = contents(self._here)
        mended = {county: found[county].digest for county in LOADED}
        expect(mended == self._digests[0], "the next load did not bring its counties")
        expect(not store.unfinished_loads(), "loads are told unfinished after one that went through")

    def _judge_engine(self, since: int) -> None:
        expect(self._engine.worker == self._process, "the engine's process is another one")
        said = self._engine.said(since)
        expect("ERROR" not in said and "Traceback" not in said, f"the engine logged: {said}")
        left = self._here.query(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = ANY(%s)",
            [0x67696402, 0x67696403],
        )
        expect(left == [(0,)], f"{left} locks are left")
        prepared = self._here.query(
            "SELECT result FROM run_command_on_workers('SELECT count(*) FROM pg_prepared_xacts')"
        )
        expect({int(one) for (one,) in prepared} == {0}, f"transactions are left prepared: {prepared}")

    def _count(
        self, seen: Counter[str], clients: Clients, standing: Standing, loader: CountyLoader, what: str
    ) -> None:
        self.seen += seen
        self.seen[what] += 1
        self.seen += Counter({f"answers {how}": number for how, number in standing.statuses.items()})
        self.seen["loads done"] += loader.done
        self.seen["loads refused or given up"] += loader.failed
        for name, seconds in (
            ("question", standing.slowest_s),
            ("operation", clients.slowest_s),
            ("load", loader.slowest_s),
        ):
            key = f"ms at most for one {name}"
            self.seen[key] = max(self.seen[key], round(1000 * seconds))


@contextmanager
def lost_workers(here: Surroundings) -> Iterator[LostWorkers]:
    """The campaign on a cluster of its own, its engine running."""
    place = Path(tempfile.mkdtemp(prefix="gridgis-soak-"))
    place.chmod(0o711)  # the servers run under an account of their own
    nodes = CitusCluster(place, **DURABLE)
    try:
        nodes.start()
        spread = SpreadSurroundings(here.home, here.cluster, nodes=nodes)
        migrate(spread)
        with stored_in(nodes.dsn):
            nodes.empty()
            with serving(spread) as engine:
                try:
                    yield LostWorkers(spread, engine)
                finally:
                    store.close_pools()
    finally:
        nodes.stop()
        shutil.rmtree(place, ignore_errors=True)
