"""When a replica knows of a change, what it answers until then, and when it refuses to.

The grid and its announcements are the test's own, so that each moment can be held still; the same over a
real database is in `tests/web/test_replicas.py`. What is expected follows from the order of events alone.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from gis_service.engine.context import Context
from gis_service.engine.following.current import CurrentWorld, Loaded, SwitchReadings, Versions
from gis_service.engine.following.follower import Follower
from gis_service.engine.scene import scene_of
from gis_service.engine.world import World
from gis_service.errors import NotReady, UnknownId
from tests.engine.test_current_world import ONE, TWO, Changing, opened

COUNTY = "450122"
POLL_S = 0.1


class Announcing(Changing):
    """A changing grid that announces its changes over a line which can be cut, or fall silent."""

    def __init__(self) -> None:
        super().__init__(ONE)
        self.lines: list[socket.socket] = []
        self.away = False
        self.silent = False
        self.looks = 0
        self.hold = threading.Event()
        self.hold.set()

    def versions(self) -> Versions:
        self.looks += 1
        if self.away:
            raise NotReady("away")
        return super().versions()

    def load(self, held: World | None = None, /) -> Loaded:
        loaded = super().load(held)
        self.hold.wait(10)
        return loaded

    def operate(self, id: str, open_: bool) -> None:
        super().operate(id, open_)
        self.announce()

    def announce(self) -> None:
        for line in self.lines if not self.silent else ():
            line.send(b"!")

    @contextmanager
    def listening(self) -> Iterator[Line]:
        if self.away:
            raise NotReady("away")
        ours, theirs = socket.socketpair()
        self.lines.append(ours)
        try:
            yield Line(self, theirs)
        finally:
            self.lines.remove(ours)
            ours.close()
            theirs.close()

    def cut(self) -> None:
        for line in self.lines:
            line.shutdown(socket.SHUT_RDWR)


class Line:
    """One listening connection."""

    def __init__(self, grid: Announcing, line: socket.socket) -> None:
        self.grid, self.line = grid, line

    def wait(self, timeout_s: float, *, wake: int | None = None) -> Mapping[str, int]:
        readable = [self.line.fileno(), *([] if wake is None else [wake])]
        if self.line.fileno() not in select.select(readable, [], [], timeout_s)[0]:
            return {}
        if not self.line.recv(100):
            raise NotReady("the line was cut")
        return {COUNTY: self.grid.version.version}


@pytest.fixture
def grid() -> Announcing:
    return Announcing()


@pytest.fixture
def current(grid: Announcing) -> CurrentWorld:
    world = CurrentWorld(grid)
    world.get()
    return world


@pytest.fixture
def follower(grid: Announcing, current: CurrentWorld) -> Iterator[Follower]:
    made = Follower(current, grid.listening, lambda: datetime.now(UTC), poll_s=POLL_S, lost_after_s=0.5)
    made.start()
    until(lambda: made.following().listening)
    yield made
    grid.hold.set()
    made.stop()


def until(true: Callable[[], bool], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def quietly(follower: Follower) -> None:
    """Let the look that follows the start pass."""
    follower.expect_change()
    follower.assure()


def test_a_question_asks_the_source_nothing(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    quietly(follower)
    before, began = grid.looks, time.monotonic()
    while time.monotonic() < began + 2.5 * POLL_S:
        current.get()
    assert grid.looks - before <= 4  # one per poll, however many questions


def test_an_announced_operation_is_seen_at_once(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    quietly(follower)
    grid.operate("Q", True)
    until(lambda: opened(current.get()) == [False, True], POLL_S / 2)


def test_a_question_waits_for_a_change_that_is_announced_and_not_read_yet(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    quietly(follower)
    read, reading = grid.current_switches, threading.Event()

    def slowly(positions: Mapping[str, int | None], /) -> tuple[Versions, SwitchReadings]:
        reading.set()
        time.sleep(0.2)
        return read(positions)

    grid.current_switches = slowly  # type: ignore[method-assign]  # the moment between hearing and knowing
    grid.operate("Q", True)
    assert reading.wait(5)
    assert opened(current.get()) == [False, True]


def test_polling_finds_what_nobody_announced_and_takes_another_line(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    quietly(follower)
    grid.silent = True
    grid.operate("Q", True)
    until(lambda: opened(current.get()) == [False, True])
    until(lambda: follower.following().reconnects == 1)


def test_questions_go_on_while_a_county_is_read_again(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    """The old world under its old version, with the switch operations in neither; then the new one."""
    grid.hold.clear()
    grid.replace(TWO)
    grid.announce()
    until(lambda: follower.following().behind == (COUNTY,))
    world = current.get()
    assert (len(world.topology.tables.customers), world.grid_version) == (1, {COUNTY: 1})
    asked = Context(at_least={COUNTY: 2})
    with pytest.raises(NotReady, match="stands at version 1"):
        scene_of(current, asked, lambda: datetime.now(UTC))
    grid.hold.set()
    assert len(scene_of(current, asked, lambda: datetime.now(UTC)).topology.tables.customers) == 2
    assert follower.following().behind == ()


def test_at_least_needs_no_announcement(grid: Announcing, current: CurrentWorld) -> None:
    slow = Follower(current, grid.listening, lambda: datetime.now(UTC), poll_s=60, lost_after_s=60)
    slow.start()
    quietly(slow)
    grid.silent = True
    grid.operate("Q", True)
    assert opened(current.get()) == [False, False]
    began = time.monotonic()
    scene = scene_of(current, Context(at_least={COUNTY: 2}), lambda: datetime.now(UTC))
    assert scene.state.open.tolist() == [False, True]
    assert time.monotonic() - began < 1
    with pytest.raises(UnknownId, match="450999"):
        scene_of(current, Context(at_least={"450999": 1}), lambda: datetime.now(UTC))
    slow.stop()


def test_what_this_process_records_is_seen_without_reading(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    quietly(follower)
    grid.silent = True
    base, reads = current.get(), list(grid.reads)
    grid.operate("Q", True)
    current.recorded(base, base.current.with_switching([1], [True]), grid.version_of())
    assert opened(current.get()) == [False, True]
    assert current.get().grid_version == {COUNTY: 2}
    assert grid.reads == reads


def test_what_this_process_records_is_seen_although_the_world_moved_meanwhile(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    quietly(follower)
    base = current.get()
    grid.operate("K", True)
    until(lambda: current.held is not base)
    grid.silent = True
    grid.operate("Q", True)
    current.recorded(base, base.current.with_switching([1], [True]), grid.version_of())
    assert opened(current.get()) == [True, True]


def test_a_lost_source_is_told_and_not_covered_up(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    quietly(follower)
    grid.away = True
    grid.cut()
    current.get()  # a moment of silence is none of the questions' business
    until(lambda: follower.following().lost)
    with pytest.raises(NotReady, match=r"has not answered this engine since 20\d\d-"):
        current.get()
    grid.operate("Q", True)
    grid.away = False
    until(lambda: not follower.following().lost)
    assert opened(current.get()) == [False, True]
    until(lambda: follower.following().listening)


def test_after_a_loss_the_log_is_not_trusted(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    """A database set back and operated since has other operations under the numbers known here."""
    asked: list[Mapping[str, int | None]] = []
    read = grid.current_switches

    def noting(positions: Mapping[str, int | None], /) -> tuple[Versions, SwitchReadings]:
        asked.append(positions)
        return read(positions)

    grid.current_switches = noting  # type: ignore[method-assign]  # notes what is asked for
    grid.operate("Q", True)
    until(lambda: len(asked) == 1)
    grid.away = True
    until(lambda: follower.following().lost)
    grid.operate("K", True)
    grid.away = False
    until(lambda: len(asked) == 2)
    assert asked == [{COUNTY: 0}, {COUNTY: None}]


def test_stopping_hands_the_world_back(grid: Announcing, current: CurrentWorld, follower: Follower) -> None:
    follower.stop()
    assert not any(one.name == "follower" for one in threading.enumerate())
    assert grid.lines == []
    grid.silent = True
    grid.operate("Q", True)
    assert opened(current.get()) == [False, True]


def test_a_fork_does_not_rely_on_the_thread_it_has_not(
    grid: Announcing, current: CurrentWorld, follower: Follower
) -> None:
    quietly(follower)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            grid.silent = True
            Changing.operate(grid, "Q", True)
            code = 0 if opened(current.get()) == [False, True] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert opened(current.get()) == [False, False]
