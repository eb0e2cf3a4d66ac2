"""What the start of this process found of runs, loads and writes that did not end in order, told in lines.

Each line is logged once with `recovered:` before it, and kept for `/readyz` and `/metrics`. What it tells of
is settled by then: nothing here waits for an operator, except a load that has to be repeated.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Literal, get_args

from gis_service import store
from gis_service.engine.columns import rfc3339
from gis_service.engine.scene import Clock
from gis_service.engine.starting.runs import BrokenRun, begin_run, take_broken_runs
from gis_service.errors import GridError

log = logging.getLogger("gis_service.engine")

Kind = Literal["run", "server", "transaction", "load", "index", "snapshot"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Recovered:
    """One thing that was found and settled: what it was, told when, in a sentence."""

    kind: Kind
    at: datetime
    said: str


class Recovery:
    """What this process found; safe for threads.

    Parameters
    ----------
    runs
        Directory of the runs of this engine and its replicas on this machine.
    clock
        The time.
    """

    def __init__(self, runs: Path, clock: Clock) -> None:
        self._runs = runs
        self._clock = clock
        self._lock = threading.Lock()
        self._told: list[Recovered] = []
        self._broken: list[BrokenRun] = []
        self._looked = False

    @property
    def told(self) -> list[Recovered]:
        """Everything found so far, in the order in which it was found."""
        with self._lock:
            return list(self._told)

    def tell(self, kind: Kind, said: str) -> None:
        """Log something that was settled, and keep it."""
        log.warning("recovered: %s", said)
        with self._lock:
            self._told.append(Recovered(kind, self._clock(), said))

    def begin(self) -> None:
        """Tell which runs before this one broke off, and write down that this one began; asks no database."""
        try:
            self._broken = take_broken_runs(self._runs)
            for one in self._broken:
                self.tell("run", str(one))
            # unlike atexit, this also runs when a worker that multiprocessing started comes to its end
            Finalize(None, begin_run(self._runs, self._clock()).end, exitpriority=0)
        except OSError as error:
            log.warning(
                "%s cannot be written to (%s): the next start will not know whether this run ended in order",
                self._runs,
                error.strerror or error,
            )

    def look(self) -> None:
        """Settle and tell what the database was left with; does nothing once it was through.

        Raises
        ------
        NotReady
            When the database does not answer.
        """
        if self._looked:
            return
        settled = store.settle_prepared_transactions()
        if settled:
            writes = "1 write was" if settled == 1 else f"{settled} writes were"
            self.tell("transaction", f"{writes} prepared on several nodes and left undecided; settled now")
        up_since = store.server_started_at()
        if self._broken and up_since > self._broken[-1].started_at:
            self.tell(
                "server",
                f"the database server was started again at {rfc3339(up_since)}, after that run had begun; "
                f"what had been committed is there",
            )
        for load in store.unfinished_loads():
            self.tell("load", str(load))
        self._looked = True
        if not self.told:
            log.info("nothing had to be recovered")

    def complete(self) -> None:
        """Build what loads that died left unbuilt, beside the questions: answers need none of it."""
        threading.Thread(target=self._build_indexes, name="index builder", daemon=True).start()

    def _build_indexes(self) -> None:
        try:
            for name in store.build_missing_indexes():
                self.tell("index", f"the index {name}, which a load had left unbuilt, is built")
        except GridError as error:
            log.warning("the indexes that a load left unbuilt are not built: %s", error)
