"""When the world is read again: never without need, never too late, and by one thread at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import numpy as np

from gis_service.engine.context import Context
from gis_service.engine.following.current import CurrentWorld, Loaded, SwitchReadings, Versions
from gis_service.engine.scene import scene_of
from gis_service.engine.world import CountyVersion, World
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid

ONE = parse_grid("S source n1\nQ breaker n1 n2\nK breaker n2 n3\nC customer n3")
TWO = parse_grid("S source n1\nQ breaker n1 n2\nC customer n2\nD customer n2")


class Changing:
    """A grid that the test changes: what a database would hold."""

    def __init__(self, tables: GridTables) -> None:
        self.tables = tables
        self.version = CountyVersion(1, 1, datetime(2026, 1, 1, tzinfo=UTC))
        self.open: dict[str, bool] = {}
        self.reads: list[str] = []
        self.slow_s = 0.0

    def unreachable(self, _counties: Collection[str]) -> dict[str, str]:
        return {}

    def versions(self) -> Versions:
        return {"450122": self.version}

    def load(self, _held: World | None = None, /) -> Loaded:
        self.reads.append("load")
        tables, versions = self.tables, self.versions()
        time.sleep(self.slow_s)
        return Loaded(tables, versions)

    def current_switches(self, positions: Mapping[str, int | None], /) -> tuple[Versions, SwitchReadings]:
        self.reads.append("switches")
        return self.versions(), SwitchReadings(list(self.open), np.array(list(self.open.values()), np.bool_))

    def switches_at(self, at: datetime, /) -> tuple[Versions, SwitchReadings]:
        raise AssertionError("nobody asks for a time here")

    def version_of(self) -> dict[str, CountyVersion]:
        return {"450122": self.version}

    def operate(self, id: str, open_: bool) -> None:
        self.open[id] = open_
        self.version = CountyVersion(
            self.version.version + 1, self.version.topology_version, self.version.loaded_at
        )

    def replace(self, tables: GridTables) -> None:
        self.tables = tables
        self.version = CountyVersion(
            self.version.version + 1, self.version.topology_version + 1, datetime.now(UTC)
        )


def opened(world: World) -> list[bool]:
    states: list[bool] = world.current.open.tolist()
    return states


def test_nothing_is_read_while_nothing_moves() -> None:
    source = Changing(ONE)
    current = CurrentWorld(source)
    assert current.get() is current.get()
    assert source.reads == ["load"]


def test_a_switch_operation_reads_switches_alone() -> None:
    source = Changing(ONE)
    current = CurrentWorld(source)
    before = current.get()
    source.operate("Q", True)
    after = current.get()
    assert source.reads == ["load", "switches"]
    assert after.topology is before.topology
    assert after.shapes is before.shapes
    # switches by id: K, Q; the old world stays as it was
    assert (opened(before), opened(after)) == ([False, False], [False, True])
    assert after.grid_version == {"450122": 2}


def test_a_load_reads_everything() -> None:
    source = Changing(ONE)
    current = CurrentWorld(source)
    before = current.get()
    source.replace(TWO)
    after = current.get()
    assert source.reads == ["load", "load"]
    assert (len(before.topology.tables.customers), len(after.topology.tables.customers)) == (1, 2)


def test_a_load_between_two_looks_is_not_missed() -> None:
    source = Changing(ONE)
    current = CurrentWorld(source)
    current.get()
    source.operate("Q", True)
    read = source.current_switches

    def loaded_meanwhile(positions: Mapping[str, int | None], /) -> tuple[Versions, SwitchReadings]:
        source.replace(TWO)
        return read(positions)

    source.current_switches = loaded_meanwhile  # type: ignore[method-assign]  # the load comes at this very moment
    assert len(current.get().topology.tables.customers) == 2


def test_many_questions_share_one_refresh() -> None:
    source = Changing(ONE)
    source.slow_s = 0.2
    current = CurrentWorld(source)
    worlds: list[World] = []
    asking = [threading.Thread(target=lambda: worlds.append(current.get())) for _ in range(8)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert source.reads == ["load"]
    assert len({id(world) for world in worlds}) == 1


def test_a_question_never_answers_from_before_a_change_it_was_told_of() -> None:
    """While a slow refresh runs, another change is acknowledged: the question asked after it must see it."""
    source = Changing(ONE)
    current = CurrentWorld(source)
    current.get()
    source.slow_s = 0.3
    source.replace(ONE)
    slow = threading.Thread(target=current.get)
    slow.start()
    time.sleep(0.1)
    source.operate("K", True)
    assert opened(current.get()) == [True, False]
    slow.join()


class Busy(Changing):
    """A grid that somebody operates in between, whenever a moment of the past is read."""

    def switches_at(self, at: datetime, /) -> tuple[Versions, SwitchReadings]:
        stood = SwitchReadings(list(self.open), np.array(list(self.open.values()), np.bool_))
        self.operate("K", not self.open.get("K", False))
        return self.versions(), stood


def test_a_past_moment_is_told_although_switches_are_operated_all_the_time() -> None:
    """At the version that its log was read at; the world of those who ask about now stays as it was."""
    source = Busy(ONE)
    current = CurrentWorld(source)
    before = current.get()
    at = datetime(2026, 2, 1, tzinfo=UTC)
    scene = scene_of(current, Context(at=at), lambda: datetime(2026, 3, 1, tzinfo=UTC))
    assert scene.world.versions == source.versions()
    assert scene.world.versions["450122"].version > before.versions["450122"].version
    assert scene.as_of == at
    assert scene.state.open.tolist() == opened(before)
