"""Answers that wait for events: told piece by piece when something happens, without a thread that waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Waiting(Protocol):
    """What an answer offers (as its attribute `waiting`) that no thread is to wait for."""

    @property
    def pause_s(self) -> float:
        """Seconds without an event after which `idle` is sent."""

    @property
    def idle(self) -> bytes:
        """What tells the client that the connection lives."""

    def told(self) -> list[bytes] | None:
        """What has happened since it was asked last; None where nothing more will. Asked in a thread."""

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have something called, in any thread, whenever there may be more; gives what ends that."""
