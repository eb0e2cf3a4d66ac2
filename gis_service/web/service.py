"""The one engine of this process, made at the first question, how warm it is, and how it follows changes."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from functools import lru_cache, partial
from pathlib import Path

from gis_service import store
from gis_service.atlas.warming import warm_atlas
from gis_service.engine import Engine
from gis_service.engine.engine import system_clock
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.follower import Follower, Following
from gis_service.engine.following.stored import StoredGrid
from gis_service.engine.reserving.book import ReservationBook
from gis_service.engine.starting.recovery import Recovery
from gis_service.engine.starting.warm import first_world
from gis_service.engine.world import World
from gis_service.errors import GridError
from gis_service.home import home
from gis_service.planning.rules import RULES_FILE, Rules, default_rules, read_rules
from gis_service.snapshots.budget import memory_budget
from gis_service.store.reservations import held_reservations
from gis_service.web.metrics import REFRESH
from gis_service.web.warming import compile_all

log = logging.getLogger("gis_service.web")


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The engine over this process' database."""
    tell = partial(recovery().tell, "snapshot")
    source = StoredGrid(home() / "snapshots", budget=memory_budget(), tell=tell)
    return Engine(
        CurrentWorld(source, on_refresh=_observe), rules=rules(), book=ReservationBook(held_reservations)
    )


@lru_cache(maxsize=1)
def rules() -> Rules:
    """The utility's own rule book (`GRIDGIS_RULES`), else the one that is shipped.

    Raises
    ------
    InvalidInput
        When the file does not hold; every fault is named.
    """
    file = os.environ.get(RULES_FILE)
    return read_rules(Path(file)) if file else default_rules()


@lru_cache(maxsize=1)
def recovery() -> Recovery:
    """What the start of this process found."""
    return Recovery(home() / "runs", system_clock)


def _observe(kind: str, seconds: float, world: World) -> None:
    REFRESH.labels(kind).observe(seconds)
    if kind == "topology":
        topology = world.topology
        log.info(
            "grid read: %d counties, %d nodes, %d edges, %d customers in %.2f s",
            len(world.versions),
            topology.n_nodes,
            topology.n_edges,
            len(topology.tables.customers),
            seconds,
        )


class Warmth:
    """Whether kernels are compiled and the first world is built; `/readyz` asks.

    From then on the world follows the change log; before, every question asks the database.
    """

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._follower: Follower | None = None

    @property
    def ready(self) -> bool:
        """True once the first warm-up is through."""
        return self._ready.is_set()

    def warm(self) -> None:
        """Settle what was left undone, compile, build the first world, follow its changes, and say so."""
        recovery().look()
        compile_all()
        first_world(engine())
        warm_atlas(engine())
        self._follow()
        self._ready.set()
        recovery().complete()

    def following(self) -> Following | None:
        """How this process stands towards the database; None where every question asks it."""
        return None if self._follower is None else self._follower.following()

    def _follow(self) -> None:
        self._follower = Follower(engine().current, store.listening, engine().clock)
        self._follower.start()
        atexit.register(self._follower.stop)

    def start(self, retry_s: float = 2.0) -> threading.Thread:
        """Warm up beside the server, again until the database is there."""

        def run() -> None:
            wait = threading.Event()
            told = ""
            while not self.ready:
                try:
                    self.warm()
                except GridError as error:
                    if str(error) != told:
                        told = str(error)
                        log.warning("not ready: %s", told)
                    wait.wait(retry_s)
                except Exception as error:  # the server goes on and /readyz says it is not ready
                    if str(error) != told:
                        told = str(error)
                        log.exception("not ready: warming up failed")
                    wait.wait(retry_s)

        thread = threading.Thread(target=run, name="warm-up", daemon=True)
        thread.start()
        return thread


WARMTH = Warmth()
