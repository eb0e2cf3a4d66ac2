"""Reserving: one decision at a time among all engines, on everything that was decided before.

Knows turns, locks, repeated requests and how new the grid must be; what a choice comes to is `choosing`'s
business.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gis_service.engine.context import Context
from gis_service.engine.reserving.asked import ReservationAsked
from gis_service.engine.reserving.book import ReservationBook
from gis_service.engine.reserving.choosing import Agreed, choose
from gis_service.engine.scene import Clock
from gis_service.engine.schemes import Planner, counties_around
from gis_service.engine.world import Scene
from gis_service.errors import Conflict, CountyAway, NotReady, UnknownId
from gis_service.network.tables import phase_text
from gis_service.store.register import CountyVersion
from gis_service.store.reservations import (
    Decision,
    NewReservation,
    Reservation,
    ReservedSupply,
    State,
    deciding,
)

DEADLINE_S = 30.0


class Reserver:
    """Decides about reservations of one engine.

    Parameters
    ----------
    scene
        The world and switch states of a question.
    """

    def __init__(
        self, scene: Callable[[Context], Scene], book: ReservationBook, planner: Planner, clock: Clock
    ) -> None:
        self._scene = scene
        self._book = book
        self._planner = planner
        self._clock = clock
        # decisions wait here, not each with a database connection in hand
        self._turn = threading.Lock()

    def reserve(self, asked: ReservationAsked) -> Reservation:
        """Work the chosen scheme out anew, with all that is reserved by now, and hold its capacity.

        Asked again with the same key and content, the reservation as it stands now is given again.

        Raises
        ------
        InvalidInput
            For rules, conductors or choices that cannot be.
        CapacityTaken
            When a chosen supply breaks a limit now; it names the limit and what is reserved there.
        Conflict
            When the key was used for something else, a chosen place is none, or the two supplies share what
            they may not.
        Impossible
            As for supply schemes.
        CountyAway, NotReady
            When the grid there is not known as it stands, or the decision cannot be made in time; nothing was
            reserved.
        OutcomeUnknown
            When the commit was not answered: ask again with the same key.
        """
        asked.refuse_contradictions()
        with self._alone() as decision:
            made = decision.by_key(asked.idempotency_key)
            if made is not None:
                if made.request != asked.digest:
                    raise Conflict(
                        f"idempotency_key: {asked.idempotency_key!r} was used for reservation {made.id}, "
                        "which asked for something else; give every reservation its own"
                    )
                return made
            scene, agreed = self._agreed(asked, decision)
            question = asked.question
            new = NewReservation(
                idempotency_key=asked.idempotency_key,
                request=asked.digest,
                counties=agreed.counties,
                elements=agreed.elements,
                point=question.point,
                kva=question.kva,
                phases=phase_text(question.phases),
                independence=question.independence if question.supplies == 2 else None,
                rules=agreed.rules,
                grid_version=scene.world.grid_version,
                schemes=agreed.schemes,
            )
            supplies = [
                ReservedSupply(
                    0,
                    number,
                    scheme["attach"]["county_code"],
                    scheme["attach"]["kind"],
                    scheme["attach"]["id"],
                    scheme["attach"]["node_id"],
                    scheme["attach"]["fraction"],
                    agreed.reckoned_kva,
                    scheme["conductor"],
                    scheme["route"]["length_m"],
                )
                for number, scheme in enumerate(agreed.schemes, start=1)
            ]
            return decision.reserve(new, supplies, at=self._clock(), by=asked.operator, reason=asked.reason)

    def settle(self, id: int, state: State, *, operator: str, reason: str) -> Reservation:
        """Declare a reservation built, or withdraw it; one that is that already is given as it is.

        Raises
        ------
        UnknownId
            When there is none of that id.
        Conflict
            When the other was decided before.
        NotReady, OutcomeUnknown
            As for `reserve`.
        """
        with self._alone() as decision:
            found = decision.find(id)
            if found is None:
                raise UnknownId([str(id)], what="reservation")
            if found.state == state:
                return found
            if found.state != "held":
                last = found.changes[-1]
                raise Conflict(
                    f"reservation {id} was {found.state} on {last.at.isoformat(timespec='seconds')} by "
                    f"{last.operator}: it can no longer become {state}"
                )
            return decision.set_state(id, state, at=self._clock(), by=operator, reason=reason)

    def _agreed(self, asked: ReservationAsked, decision: Decision) -> tuple[Scene, Agreed]:
        """What the choice comes to in a world that is as new as the register where the choice can reach."""
        registered = decision.versions()
        context = Context(state=asked.state)
        scene = self._scene(context)
        scene = self._as_new(
            scene, registered, counties_around(scene, asked.question, self._planner), context
        )
        held = decision.held(self._book.known)
        counted = self._book.place(scene.topology, held)
        agreed = choose(scene, asked, self._planner, counted)
        away = scene.world.narrowed(scene.missing, agreed.counties)
        if away:
            raise CountyAway(away, "what it stands at may bear on this scheme")
        if self._late(scene, registered, agreed.counties):
            raise NotReady("the grid along the supply path is being read again: try again in a moment")
        return scene, agreed

    def _as_new(
        self, scene: Scene, registered: dict[str, CountyVersion], counties: list[str], context: Context
    ) -> Scene:
        late = self._late(scene, registered, counties)
        if not late:
            return scene
        return self._scene(Context(state=context.state, at_least=late))

    @staticmethod
    def _late(scene: Scene, registered: dict[str, CountyVersion], counties: list[str]) -> dict[str, int]:
        """Versions that the scene has not, of counties that may bear on a question about some."""
        held = scene.world.versions
        near = scene.world.narrowed(registered, counties)
        return {
            county: registered[county].version
            for county in near
            if county not in held or held[county].version < registered[county].version
        }

    @contextmanager
    def _alone(self) -> Iterator[Decision]:
        """The turn in this process, then the one among all."""
        if not self._turn.acquire(timeout=DEADLINE_S / 2):
            raise NotReady("other reservations are being decided and take too long; try again in a moment")
        try:
            with deciding(deadline_s=DEADLINE_S) as decision:
                yield decision
        finally:
            self._turn.release()
