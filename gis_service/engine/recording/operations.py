"""Recording switch operations: one batch at a time, alone among all writers, on the newest world.

Knows turns, locks and repeated requests; what a batch writes is `batch`'s business.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from gis_service import store
from gis_service.engine.columns import Answer
from gis_service.engine.following.current import CurrentWorld, Versions, same_topology
from gis_service.engine.following.stored import known_versions
from gis_service.engine.recording.batch import Batch, known_operations, resolve
from gis_service.engine.recording.operated import Operated, refuse_contradictions
from gis_service.engine.recording.receipts import Receipts
from gis_service.engine.scene import Clock
from gis_service.engine.ties import counties_of
from gis_service.engine.world import World
from gis_service.errors import CountyAway, NotReady, UnknownId

_TRIES = 10
DEADLINE_S = 30.0
"""How long a batch may take, its turn and a second try without a node that went away included."""

_AT_LEAST_S = 2.0


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
        CountyAway
            When it would need the record of a county whose node does not answer, or how such a county stands.
        OutcomeUnknown
            When a node went away while the batch was committed: it happens in all its counties or in none.
        NotReady
            When it cannot be done in time; nothing was written.
        """
        refuse_contradictions(operations)
        until = time.monotonic() + DEADLINE_S
        if not self._turn.acquire(timeout=DEADLINE_S / 2):
            raise NotReady("other operations are being recorded and take too long; try again in a moment")
        try:
            lost = False
            for _ in range(_TRIES):
                try:
                    return self._once(operations, max(until - time.monotonic(), _AT_LEAST_S))
                except store.NodeLost:
                    if lost:
                        raise
                    lost = True  # those who do not need that node go on
                    store.look_at_nodes()
                except store.ShardReplaced:
                    continue  # nothing was written, and the next look finds the new shard
                except _Moved:
                    self._current.newest()  # which may take seconds: not under the locks
                except store.Unsettled:
                    store.settle_prepared_transactions()
                    self._current.look()
                except store.OutcomeUnknown:
                    self._current.doubt()
                    raise
        finally:
            self._turn.release()
        raise NotReady("the counties are being loaded faster than operations can be recorded; try again")

    def _once(self, operations: Sequence[Operated], deadline_s: float) -> Answer:
        with store.transaction(deadline_s=deadline_s) as write:
            try:
                locked = write.lock_counties(list(write.versions()))
            except UnknownId as gone:  # unloaded between the two looks
                raise _Moved from gone
            away = write.away(list(locked))
            world = self._at(known_versions(locked), operations, write.in_doubt())
            here = sorted(world.versions.keys() - away.keys())
            write.need([*here, *_counties_of(world, operations)])
            # the clock is read under the locks, so that "now" is later than all that was recorded
            now = self._clock()
            receipts = Receipts(write)
            first = receipts.first_answer(operations, here)
            if first is not None:
                return first
            known = known_operations(write, operations, here)
            written = Batch(world, now, resolve(world, operations, now), known, away).write(write)
            receipts.keep(operations, written.answer, now)
        self._current.recorded(world, written.state, written.versions)
        return written.answer

    def _at(self, locked: Versions, operations: Sequence[Operated], doubtful: Sequence[str]) -> World:
        """The world at the versions under the locks, where only switches have to be read for it.

        Counties that it lacks because their node is away, and those that a write which was cut off may still
        change, may be passed over by operations that cannot reach into them.
        """
        held = self._current.held
        if held is not None and held.versions != locked and same_topology(held.versions, locked):
            held = self._current.newest()
        if held is None:
            raise _Moved
        for county, ours in held.versions.items():
            if county in locked and ours.version > locked[county].version:
                raise store.Unsettled(county)  # its node has a write that the register has not
        lacking = {*held.missing_counties, *doubtful}
        if not lacking and held.versions == locked:
            return held
        if any(held.versions.get(one) != locked[one] for one in locked.keys() - lacking) or not lacking:
            raise _Moved
        reached = held.narrowed(lacking, _counties_of(held, operations))
        if reached:
            raise CountyAway(
                reached,
                "how it stands is not known before its node is back, and these operations may reach it",
            )
        return held


def _counties_of(world: World, operations: Sequence[Operated]) -> set[str]:
    """The counties of the switches that are operated, as far as the world has them."""
    return counties_of(world.topology, {f"switch:{one.id.removeprefix('switch:')}" for one in operations})


class _Moved(Exception):  # never leaves this module
    """The world is not the one under the locks."""
