"""The one engine of this process, made at the first question, and how warm it is."""

from __future__ import annotations

import logging
import threading
from functools import lru_cache

from gis_service.engine import Engine
from gis_service.engine.current import CurrentWorld
from gis_service.engine.stored import StoredGrid
from gis_service.engine.warm import warm_up
from gis_service.engine.world import World
from gis_service.errors import GridError
from gis_service.web.metrics import REFRESH

log = logging.getLogger("gis_service.web")


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The engine over this process' database."""
    return Engine(CurrentWorld(StoredGrid(), on_refresh=_observe))


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
    """Whether kernels are compiled and the first world is built; `/readyz` asks."""

    def __init__(self) -> None:
        self._ready = threading.Event()

    @property
    def ready(self) -> bool:
        """True once the first warm-up is through."""
        return self._ready.is_set()

    def warm(self) -> None:
        """Compile, build the first world, and say so."""
        warm_up(engine())
        self._ready.set()

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
