"""Kill PostgreSQL amid loads and switch operations: the engine stays up, says so, and goes on by itself.

The whole server at once, its first process alone, one session, or one of its workers is killed while clients
operate switches and other counties are replaced. `fsync` is on; still this is no power cut, since the system
lives on and keeps what was written to it.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from gis_service import store
from gis_service.engine.recording.loaded import end_restored
from gis_service.errors import GridError
from gis_service.ingest.package import GridPackage, tables_from_package
from sharding.pg_server import RunningServer
from soak.asking import compare_answers, with_open
from soak.campaign import expect
from soak.contents import contents, digests
from soak.killing import alive, children, command_line, kill, wait_for
from soak.ring import ring_package
from soak.serving import Serving, serving
from soak.surroundings import Surroundings
from soak.switching import Clients, check_effects, check_promises, pause, send_again
from tests.oracles import replay
from tests.store.grids import trunk_package

LONGEST_S = 1.5
LOADED = ("990201", "990202")
KINDS = ("everything", "everything", "postmaster", "session", "worker")


@dataclass
class Loader:
    """Replaces two counties over and over, whatever becomes of it."""

    packages: list[GridPackage]
    done: int = 0
    failed: int = 0
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
        turn = 0
        rest = 0.05
        while not self._stop.wait(rest):
            turn += 1
            try:
                store.load_package(self.packages[turn % 2], replace=True, on_loaded=end_restored)
                self.done += 1
                rest = 0.05
            except GridError:
                self.failed += 1
                rest = 0.3
            except Exception as error:  # noqa: BLE001  # anything else is what this campaign looks for
                self.odd.append(f"a load failed with {type(error).__name__}: {error}")


@dataclass
class Prober:
    """Asks the engine questions all the while; only answers and refusals with 503 may come back."""

    url: str
    statuses: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Ask during the block."""
        thread = threading.Thread(target=self._work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _work(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            while not self._stop.wait(0.05):
                self._ask(client, "/healthz", (200,))
                self._ask(client, "/readyz", (200, 503))
                self._ask(client, "/v1/elements/Q0", (200, 503))

    def _ask(self, client: httpx.Client, path: str, allowed: tuple[int, ...]) -> None:
        try:
            answer = client.get(path)
        except httpx.TransportError as error:
            self.odd.append(f"{path}: {error!r}")
            return
        self.statuses[f"{path} {answer.status_code}"] += 1
        if answer.status_code not in allowed:
            self.odd.append(f"{path} answered {answer.status_code}: {answer.text}")


class KilledDatabases:
    """Rounds of killed servers under one engine that is never started again."""

    def __init__(self, here: Surroundings, engine: Serving) -> None:
        self._here = here
        self._engine = engine
        self._worker = engine.worker
        self._ring = ring_package()
        self._tables = tables_from_package(self._ring)
        self._packages = [trunk_package(LOADED, nodes, mark=f"{nodes}") for nodes in (300, 400)]
        self._digests = [self._digests_of(package) for package in self._packages]
        self.seen: Counter[str] = Counter()

    def _digests_of(self, package: GridPackage) -> dict[str, str]:
        store.load_package(package, replace=True)
        return digests(contents(self._here), LOADED)

    def run(self, _number: int, chance: random.Random) -> str:
        """Operate and load, kill, start again, look."""
        self._here.empty_database()
        store.load_package(self._ring)
        self._engine.catch_up()
        since = self._engine.logged()
        clients = Clients(self._engine.url, self._tables.switches.id.tolist(), chance.randrange(10**9))
        loader, prober = Loader(self._packages), Prober(self._engine.url)
        kind = chance.choice(KINDS)
        moment = chance.uniform(0.05, LONGEST_S)
        with clients.at_work(), loader.at_work(), prober.at_work():
            when = pause(self._here, moment, then_commit=chance.random() < 0.5)
            victim = self._kill(kind, chance)
            time.sleep(chance.uniform(0, 1))
            server = self._here.cluster.start()
            back_s = self._engine.wait_until_ready()
            self._goes_on(clients)
        self._judge_server(kind, server)
        store.close_pools()
        seen = check_promises(self._here, clients)
        check_effects(self._here, self._tables)
        send_again(clients)
        done = check_effects(self._here, self._tables)
        check_promises(self._here, clients)
        self._judge_loads(loader)
        self._judge_engine(prober, since)
        now = replay.open_at(self._tables, done, datetime.max.replace(tzinfo=UTC))
        self._unload()
        compare_answers(self._engine.client, with_open(self._tables, now), chance)
        self.seen += seen
        self.seen[f"kills: {kind}"] += 1
        self.seen["loads done"] += loader.done
        self.seen["loads broken off"] += loader.failed
        self.seen["questions refused meanwhile"] += prober.statuses["/v1/elements/Q0 503"]
        met = ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))
        return (
            f"{victim} killed {when}, engine ready {back_s:.1f} s after the start; {met}; "
            f"{loader.done} loads done, {loader.failed} broken off"
        )

    def _kill(self, kind: str, chance: random.Random) -> str:
        server = self._here.cluster.status().server
        assert server is not None
        names = {pid: command_line(pid).strip() for pid in children(server.pid)}
        sessions = [pid for pid, name in names.items() if "gridgis gridgis_engine" in name]
        busy = [pid for pid in sessions if not names[pid].endswith(" idle")]
        workers = [pid for pid, name in names.items() if name and pid not in sessions]
        if kind == "everything":
            kill(server.pid, *names)
            return "everything"
        if kind == "postmaster":
            kill(server.pid)
            return "the postmaster"
        pid = chance.choice((busy or sessions if kind == "session" else workers) or list(names))
        kill(pid)
        wait_for(lambda: not alive(pid), f"process {pid} is gone")
        return names[pid].removeprefix("postgres: ")

    def _goes_on(self, clients: Clients) -> None:
        """Operations are acknowledged again, without anybody touching the engine."""
        before = clients.acknowledged
        wait_for(lambda: clients.acknowledged > before + 2, "operations are acknowledged again", seconds=30)
        time.sleep(0.1)

    def _judge_server(self, kind: str, server: RunningServer) -> None:
        if kind in ("everything", "postmaster"):
            expect("write-ahead log" in server.recovered, "the start does not say that it recovered")

    def _judge_loads(self, loader: Loader) -> None:
        expect(not loader.odd, "; ".join(loader.odd))
        found = digests(contents(self._here), LOADED)
        for county, digest in found.items():
            allowed = {"", *(one[county] for one in self._digests)}
            expect(digest in allowed, f"county {county} holds a mixture after {loader.done} loads")
        store.load_package(self._packages[0], replace=True, on_loaded=end_restored)
        found = digests(contents(self._here), LOADED)
        expect(found == self._digests[0], "the next load did not bring its counties")
        expect(not store.unfinished_loads(), "loads are told unfinished after one that went through")

    def _judge_engine(self, prober: Prober, since: int) -> None:
        expect(not prober.odd, "; ".join(prober.odd[:3]))
        expect(self._engine.worker == self._worker, "the engine's process is another one")
        said = self._engine.said(since)
        expect("ERROR" not in said and "Traceback" not in said, f"the engine logged: {said}")

    def _unload(self) -> None:
        store.unload_counties(LOADED)
        self._engine.catch_up()


@contextmanager
def killed_databases(here: Surroundings) -> Iterator[KilledDatabases]:
    """The campaign, its engine running."""
    here.empty_database()
    with serving(here) as engine:
        yield KilledDatabases(here, engine)
