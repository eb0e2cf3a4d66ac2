"""The engine's questions, each one call: a context, the question's fields, and an answer with its head."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from gis_service.engine.columns import Answer
from gis_service.engine.context import NOW, Context
from gis_service.engine.corridors import CorridorShelf
from gis_service.engine.elements import element
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.headroom import headroom
from gis_service.engine.history import Wanted, interruptions_logged, operations_logged
from gis_service.engine.outage import Case, Outage, outage, outages
from gis_service.engine.outage_text import answer_text, simple_text, text_at_hand
from gis_service.engine.recording.operated import Operated
from gis_service.engine.recording.operations import Recorder
from gis_service.engine.reserving.asked import ReservationAsked
from gis_service.engine.reserving.book import ReservationBook
from gis_service.engine.reserving.deciding import Reserver
from gis_service.engine.reserving.told import Page, reservation_told, reservations_listed
from gis_service.engine.scene import Clock, scene_of
from gis_service.engine.schemes import Planner, SchemeAsked, supply_schemes
from gis_service.engine.supply import area_below, path_to_customer, radius_below
from gis_service.engine.traces import TraceAsked, traced
from gis_service.engine.world import Scene
from gis_service.errors import CountyAway, UnknownId
from gis_service.planning.rules import Rules, default_rules
from gis_service.planning.trees import Trees
from gis_service.store.reservations import read_reservation


def _named(cases: Sequence[Case]) -> list[str] | None:
    """The ids that cases name; None where one of them names an area."""
    if any(case.area is not None for case in cases):
        return None
    switches = (f"switch:{one.id}" for case in cases for one in case.switching)
    return [*(id for case in cases for id in (*case.out, *case.faults)), *switches]


def system_clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


class Engine:
    """Questions about one province.

    Parameters
    ----------
    current
        The world, kept current.
    clock
        What time it is; passed in, so that nothing inside reads the system's.
    rules
        What supply schemes keep to; the shipped rule book by default.
    book
        What is reserved; nothing by default.
    """

    def __init__(
        self,
        current: CurrentWorld,
        *,
        clock: Clock = system_clock,
        rules: Rules | None = None,
        book: ReservationBook | None = None,
    ) -> None:
        self.current = current
        self.clock = clock
        self._recorder = Recorder(current, clock)
        self.planner = Planner(rules or default_rules(), CorridorShelf(), Trees())
        self.book = book or ReservationBook()
        self._reserver = Reserver(self.scene, self.book, self.planner, clock)

    def scene(self, context: Context = NOW) -> Scene:
        """The world and switch states of a question; errors as `scene_of` says."""
        return scene_of(self.current, context, self.clock)

    def trace(self, asked: TraceAsked, context: Context = NOW) -> Answer:
        """Elements connected to the starts, by the kind of trace."""
        named = (*asked.starts, *asked.targets, *asked.barriers) if asked.starts else None
        with self._asked_of(context, named) as scene:
            return scene.head() | traced(scene, asked)

    def supply_path(self, customer_id: str, context: Context = NOW) -> Answer:
        """The elements from a source to a customer."""
        with self._asked_of(context, [customer_id]) as scene:
            return scene.head() | path_to_customer(scene, customer_id)

    def supply_area(self, starts: Sequence[str], context: Context = NOW) -> Answer:
        """Customers, districts and outline of what some elements supply."""
        with self._asked_of(context, starts) as scene:
            return scene.head() | area_below(scene, starts)

    def supply_radius(self, start: str, mode: Literal["trunk", "full"], context: Context = NOW) -> Answer:
        """The longest electrical path below an element."""
        with self._asked_of(context, [start]) as scene:
            return scene.head() | radius_below(scene, start, mode)

    def supply_schemes(self, asked: SchemeAsked, context: Context = NOW) -> Answer:
        """The cheapest ways to supply a new customer."""
        with self._asked_of(context, None) as scene:
            counted = self.book.counted(scene.topology)
            return scene.head() | supply_schemes(scene, asked, self.planner, counted)

    def headroom(self, id: str, context: Context = NOW) -> Answer:
        """What can still be connected at an element."""
        with self._asked_of(context, [id]) as scene:
            return scene.head() | headroom(scene, id, self.planner, self.book.counted(scene.topology))

    def outage_impact(self, case: Case, include: Sequence[str], context: Context = NOW) -> Answer:
        """Who loses supply when a case goes out."""
        found = self.find_outage(case, context)
        return found.scene.head() | found.value(include)

    def outage_impacts(self, cases: Sequence[Case], include: Sequence[str], context: Context = NOW) -> Answer:
        """The same for many cases, asked of one scene."""
        scene, found = self.find_outages(cases, context)
        return scene.head() | {"cases": [one.value(include) for one in found]}

    def outage_text(self, case: Case, include: Sequence[str], context: Context = NOW) -> Iterator[bytes]:
        """What `outage_impact` answers as JSON text, in pieces."""
        scene = self.scene(context)
        if not scene.missing:
            text = simple_text(scene, case, include)
            if text is not None:
                return text
        found = self.find_outage(case, context)
        return answer_text(found.scene, found, include)

    def outage_text_at_hand(self, case: Case, include: Sequence[str]) -> list[bytes] | None:
        """The same for the world now, by one who must not wait; None where that cannot be, or for long."""
        now = self.clock()
        world = self.current.at_hand
        if world is None or world.missing_counties:
            return None
        return text_at_hand(world, now, case, include)

    def find_outage(self, case: Case, context: Context = NOW) -> Outage:
        """What a case does, to be told as values or as text."""
        with self._asked_of(context, _named([case])) as scene:
            return outage(scene, case)

    def find_outages(self, cases: Sequence[Case], context: Context = NOW) -> tuple[Scene, list[Outage]]:
        """The same for many cases, and the scene they are asked of."""
        with self._asked_of(context, _named(cases)) as scene:
            return scene, outages(scene, cases)

    def element(self, id: str, context: Context = NOW) -> Answer:
        """One element: properties, geometry, live state."""
        with self._asked_of(context, [id]) as scene:
            return scene.head() | element(scene, id)

    @contextmanager
    def _asked_of(self, context: Context, ids: Iterable[str] | None) -> Iterator[Scene]:
        """The scene of a question about these elements (None: about any), and how its faults are told.

        An id that nothing has, while counties are not in the world, may be one of theirs.
        """
        scene = self.scene(context)
        if ids is not None and scene.missing:
            scene = scene.about([*ids, *(f"switch:{one.id}" for one in context.switching)])
        try:
            yield scene
        except UnknownId as error:
            absent = scene.world.absent
            if not absent:
                raise
            raise CountyAway(absent, f"among the other counties, {error}") from error

    def record_operations(self, operations: Sequence[Operated]) -> Answer:
        """Record a batch of switch operations; see `Recorder.record`."""
        return self._recorder.record(operations)

    def reserve(self, asked: ReservationAsked) -> Answer:
        """Hold the capacity of a chosen scheme; see `Reserver.reserve`."""
        made = self._reserver.reserve(asked)
        return self._told(lambda scene: {"reservation": reservation_told(scene.topology, made)})

    def settle_reservation(
        self, id: int, state: Literal["built", "withdrawn"], *, operator: str, reason: str = ""
    ) -> Answer:
        """Let go of what a reservation holds; see `Reserver.settle`."""
        made = self._reserver.settle(id, state, operator=operator, reason=reason)
        return self._told(lambda scene: {"reservation": reservation_told(scene.topology, made)})

    def reservation(self, id: int) -> Answer:
        """One reservation with what was decided about it.

        Raises
        ------
        UnknownId
            When there is none of that id.
        """
        found = read_reservation(id)
        if found is None:
            raise UnknownId([str(id)], what="reservation")
        return self._told(lambda scene: {"reservation": reservation_told(scene.topology, found)})

    def reservations(self, page: Page) -> Answer:
        """A page of reservations, newest first; errors as `reservations_listed` says."""
        return self._told(lambda scene: reservations_listed(scene, page))

    def _told(self, tell: Callable[[Scene], Answer]) -> Answer:
        scene = self.scene()
        version = self.book.held().mark.version
        return scene.head() | tell(scene) | {"reservations_version": version}

    def operations_logged(self, wanted: Wanted) -> Answer:
        """A page of the log of switch operations, newest first."""
        scene = self.scene()
        return scene.head() | operations_logged(scene, wanted)

    def interruptions_logged(self, wanted: Wanted) -> Answer:
        """A page of interruptions, by beginning."""
        scene = self.scene()
        return scene.head() | interruptions_logged(scene, wanted)
