"""Recording switch operations: one batch at a time, alone among all writers, on the newest world.

Knows turns, locks and repeated requests; what a batch writes is `batch`'s business.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from gis_service import store
from gis_service.engine.columns import Answer
from gis_service.engine.following.current import CurrentWorld, Versions, same_topology
from gis_service.engine.following.stored import known_versions
from gis_service.engine.recording.batch import Batch, known_operations, resolve
from gis_service.engine.recording.operated import Operated, refuse_contradictions
from gis_service.engine.recording.receipts import Receipts
from gis_service.engine.scene import Clock
from gis_service.engine.world import World
from gis_service.errors import NotReady, UnknownId

_TRIES = 10


class Recorder:
    """Records operations over one world, one batch at a time."""

    def __init__(self, current: CurrentWorld, clock: Clock) -> None:
        self._current = current
        self._clock = clock
        # batches wait here, not each with a database connection in hand
        self._turn = threading.Lock()

    def record(self, operations: Sequence[Operated]) -> Answer:
        """Record a batch and tell what it did.

        Sent again with the same idempotency keys and content, the first answer is given again.

        Raises
        ------
        InvalidInput
            For an empty batch, one switch operated both ways at one time, a key used twice, an id that is no
            switch.
        UnknownId
            Naming every switch that is not loaded.
        Impossible
            When an operation lies in the future.
        Conflict
            When a key was used for another operation before.
        """
        refuse_contradictions(operations)
        with self._turn:
            for _ in range(_TRIES):
                try:
                    return self._once(operations)
                except _Moved:
                    self._current.newest()  # which may take seconds: not under the locks
                except store.OutcomeUnknown:
                    self._current.doubt()
                    raise
        raise NotReady("the counties are being loaded faster than operations can be recorded; try again")

    def _once(self, operations: Sequence[Operated]) -> Answer:
        with store.transaction() as write:
            try:
                locked = write.lock_counties(list(write.versions()))
            except UnknownId as gone:  # unloaded between the two looks
                raise _Moved from gone
            world = self._at(known_versions(locked))
            # the clock is read under the locks, so that "now" is later than all that was recorded
            now = self._clock()
            receipts = Receipts(write)
            first = receipts.first_answer(operations)
            if first is not None:
                return first
            known = known_operations(write, operations)
            written = Batch(world, now, resolve(world, operations, now), known).write(write)
            receipts.keep(operations, written.answer, now)
        self._current.recorded(world, written.state, written.versions)
        return written.answer

    def _at(self, locked: Versions) -> World:
        """The world at the versions under the locks, where only switches have to be read for it."""
        held = self._current.held
        if held is not None and held.versions != locked and same_topology(held.versions, locked):
            held = self._current.newest()
        if held is None or held.versions != locked:
            raise _Moved
        return held


class _Moved(Exception):  # never leaves this module
    """The world is not the one under the locks."""
