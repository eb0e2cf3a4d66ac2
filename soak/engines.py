"""Kill the engine amid switch operations: what it acknowledged stays, what it did not is there wholly or not.

The server that listens, the worker that answers, or both at once are killed while clients operate switches as
fast as they are answered; the next start must say so.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from gis_service import store
from gis_service.ingest.package import tables_from_package
from soak.asking import compare_answers, with_open
from soak.campaign import expect
from soak.ring import ring_package
from soak.serving import Serving, serving
from soak.surroundings import Surroundings
from soak.switching import Clients, check_effects, check_promises, pause, send_again
from tests.oracles import replay

LONGEST_S = 1.5


class KilledEngines:
    """Rounds of killed engines over the ring."""

    def __init__(self, here: Surroundings, engine: Serving) -> None:
        self._here = here
        self._engine = engine
        self._package = ring_package()
        self._tables = tables_from_package(self._package)
        self.seen: Counter[str] = Counter()

    def run(self, _number: int, chance: random.Random) -> str:
        """Operate, kill, start again, look."""
        self._here.empty_database()
        store.load_package(self._package)
        self._engine.catch_up()
        since = self._engine.logged()
        clients = Clients(self._engine.url, self._tables.switches.id.tolist(), chance.randrange(10**9))
        how = chance.choice(("everything", "everything", "server", "worker"))
        moment = chance.uniform(0.02, LONGEST_S)
        with clients.at_work():
            when = pause(self._here, moment, then_commit=chance.random() < 0.5)
            self._engine.kill(how)
        seconds = self._engine.wait_until_ready() if how == "worker" else self._engine.start()
        seen = check_promises(self._here, clients)
        check_effects(self._here, self._tables)
        send_again(clients)
        done = check_effects(self._here, self._tables)
        check_promises(self._here, clients)
        now = replay.open_at(self._tables, done, datetime.max.replace(tzinfo=UTC))
        compare_answers(self._engine.client, with_open(self._tables, now), chance)
        said = self._engine.said(since)
        told = said.count("did not end in order")
        # without its server a worker ends by itself, and in order
        expect(told == int(how != "server"), f"the next start tells {told} times of the kill: {said}")
        faults = [line for line in said.splitlines() if "ERROR" in line or "Traceback" in line]
        faults = [line for line in faults if "it is started again" not in line]
        expect(not faults, f"the engine logged: {said}")
        self.seen += seen
        self.seen[f"kills: {how}"] += 1
        met = ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))
        return f"{how} killed {when}, ready again after {seconds:.1f} s; {met}"


@contextmanager
def killed_engines(here: Surroundings) -> Iterator[KilledEngines]:
    """The campaign, its engine running."""
    here.empty_database()
    with serving(here) as engine:
        yield KilledEngines(here, engine)
