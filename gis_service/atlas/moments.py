"""The scenes of moments gone by: read from the log once, however many pictures are made of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime

from gis_service.engine import Engine
from gis_service.engine.context import Context
from gis_service.engine.world import Scene

MOST_MOMENTS = 16


class Moments:
    """The last moments looked at; safe for threads.

    How switches stood at a moment hangs on the log alone, and every operation moves a version, also one that
    is recorded long after it was done.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = threading.Lock()
        self._held: OrderedDict[datetime, Scene] = OrderedDict()

    def scene(self, moment: datetime | None) -> Scene:
        """The scene of a moment, None for now; errors as `Engine.scene`."""
        if moment is None:
            return self._engine.scene()
        with self._reading:
            world = self._engine.current.get()
            held = self._held.get(moment)
            if held is None or held.world.versions != world.versions or world.missing_counties:
                held = self._engine.scene(Context(at=moment))
                if held.missing:
                    return held  # what is away may come back without any version moving
                self._held[moment] = held
                for at, one in list(self._held.items()):
                    if one.world.topology is not held.world.topology:
                        del self._held[at]  # it would keep a whole network
                if len(self._held) > MOST_MOMENTS:
                    self._held.popitem(last=False)
            self._held.move_to_end(moment)
            return held
