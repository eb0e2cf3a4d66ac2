"""Pictures at the same time; expected from the rule: what fits goes on, what does not waits or is told so."""

from __future__ import annotations

import threading

import pytest

from layers.raster.room import Room
from layers.source import Unreachable


def test_pictures_that_fit_together_do_not_wait() -> None:
    room = Room(10, patience_s=0.0)
    with room.taken(4), room.taken(6), pytest.raises(Unreachable, match="ask again"), room.taken(1):
        raise AssertionError("there is no room")
    with room.taken(10):
        pass


def test_one_that_is_larger_than_all_room_is_drawn_alone() -> None:
    room = Room(10, patience_s=0.0)
    with room.taken(25), pytest.raises(Unreachable), room.taken(1):
        raise AssertionError("there is no room")
    with room.taken(1), pytest.raises(Unreachable), room.taken(25):
        raise AssertionError("there is no room")


def test_who_waits_is_let_in_when_a_picture_is_done() -> None:
    room = Room(10, patience_s=30.0)
    drawing, done, order = threading.Event(), threading.Event(), []

    def large() -> None:
        with room.taken(10):
            drawing.set()
            done.wait(30)
            order.append("large")

    def small() -> None:
        drawing.wait(30)
        with room.taken(1):
            order.append("small")

    threads = [threading.Thread(target=one) for one in (large, small)]
    for one in threads:
        one.start()
    drawing.wait(30)
    done.set()
    for one in threads:
        one.join(30)
    assert order == ["large", "small"]


def test_a_picture_that_fails_frees_its_place() -> None:
    room = Room(10, patience_s=0.0)
    with pytest.raises(ValueError, match="broken"), room.taken(10):
        raise ValueError("broken")
    with room.taken(10):
        pass
