"""Watches the world of this process and tells where the map became another one, while anybody ever asked.

One thread, begun by the first who listens. It compares the world that is held with the one before, so what
was done and undone in between is no change.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable

from gis_service.atlas import Atlas
from gis_service.atlas.places import boxes_of_counties
from gis_service.engine.world import World
from gis_service.errors import GridError
from layers.tiles.events import Change, Feed

log = logging.getLogger("gis_service.web")

LOOK_S = 0.02
"""Seconds between two looks at which world is held; a look is a comparison of two references."""


WORKED_OUT = {"feeder": True, "outage_area": True, "topology_issue": False}
"""Layers that are in no table, and whether they hang on how switches stand."""


class MapChanges:
    """The changes of one atlas' map.

    Parameters
    ----------
    atlas
        Gives what looks at the grid; asked when somebody listens.
    """

    def __init__(self, atlas: Callable[[], Atlas]) -> None:
        self._atlas = atlas
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._feed: Feed | None = None

    def feed(self) -> Feed:
        """The changes from now on, or from when somebody asked first."""
        with self._lock:
            if self._feed is None:
                atlas = self._atlas()
                before = atlas.engine.current.get()
                self._feed = Feed()
                watch = threading.Thread(
                    target=self._watch, args=(atlas, before, self._feed), name="map changes", daemon=True
                )
                watch.start()
                atexit.register(self.stop)
            if self._stopping.is_set():
                self._feed.end()
            return self._feed

    def stop(self) -> None:
        """Watch no longer, and let the listeners go."""
        self._stopping.set()
        if self._feed is not None:
            self._feed.end()

    def _watch(self, atlas: Atlas, before: World, feed: Feed) -> None:
        while not self._stopping.wait(LOOK_S):
            world = atlas.engine.current.held
            if world is None or world is before:
                continue
            try:
                change = change_between(atlas, before, world)
            except GridError as error:
                # it is compared again with what is held then, so nothing is lost
                log.info("what changed on the map is not known yet: %s", error)
                time.sleep(1.0)
                continue
            except Exception:
                log.exception("what changed on the map cannot be told; all listeners look at everything")
                feed.forget()
                before = world
                continue
            before = world
            if change.boxes or change.versions:
                feed.publish(change)


def change_between(atlas: Atlas, before: World, after: World) -> Change:
    """What is another thing on the map."""
    versions = {
        county: one.version for county, one in after.versions.items() if before.versions.get(county) != one
    }
    boxes = {county: dict(of) for county, of in atlas.touched_by_county(before, after).items()}
    for layer, live in WORKED_OUT.items():
        for county, box in boxes_of_counties(before, after, live=live).items():
            boxes.setdefault(county, {})[layer] = box
    return Change(versions, boxes)
