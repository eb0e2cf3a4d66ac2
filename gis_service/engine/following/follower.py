"""Keeps a world current along the change log: one thread that listens for announcements and polls beside it.

Knows when something changed and how long ago the database was last heard; refuses to know what changed, which
`CurrentWorld` reads. An announcement is followed at once, and questions wait those milliseconds. A county
that was loaded is read beside them, and they go on with the old one until it is there. When the database has
not been heard for `lost_after_s`, questions are refused: never answered silently from an old world.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gis_service.engine.columns import rfc3339
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.scene import Clock
from gis_service.errors import GridError, NotReady

log = logging.getLogger("gis_service.engine")

POLL_S = 1.0
LOST_AFTER_S = 5.0
_PATIENCE_S = 2.0
_LATE_S = 0.25
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0

_PROCESS = [os.getpid()]
"""This process, without asking the system at every question."""

os.register_at_fork(after_in_child=lambda: _PROCESS.__setitem__(0, os.getpid()))


class Listener(Protocol):
    """Hears announcements; see `store.ChangeListener`."""

    def wait(self, timeout_s: float, *, wake: int | None = None) -> Mapping[str, int]:
        """The counties announced with their newest versions, or nothing within the time."""


@dataclass(frozen=True, slots=True)
class Following:
    """How a replica stands towards the database.

    heard_at, lag_s : when the database was last heard, and how long that is ago
    listening : whether announcements arrive; without them changes are found by polling
    behind : counties that were loaded, replaced or taken out and are still being read again
    reconnects : how often the listening connection was made anew
    """

    heard_at: datetime
    lag_s: float
    listening: bool
    behind: tuple[str, ...]
    reconnects: int
    lost: bool


class Follower:
    """Follows the changes of a world's source until `stop`.

    Parameters
    ----------
    current
        The world to keep current; it relies on this follower from `start` to `stop`.
    listen
        Opens a listener for as long as its block lasts.
    clock
        The time, for telling since when the database is away.
    poll_s
        Longest time between two looks at the versions.
    lost_after_s
        How long the database may be silent before questions are refused.
    """

    def __init__(
        self,
        current: CurrentWorld,
        listen: Callable[[], AbstractContextManager[Listener]],
        clock: Clock,
        *,
        poll_s: float = POLL_S,
        lost_after_s: float = LOST_AFTER_S,
    ) -> None:
        self._current = current
        self._listen = listen
        self._clock = clock
        self._poll_s = poll_s
        self._lost_after_s = lost_after_s
        self._process = os.getpid()
        self._stopping = threading.Event()
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._reader: threading.Thread | None = None
        self._looked = threading.Condition()
        self._announced = 0  # changes to look for
        self._seen = 0  # as many of them as the last look has covered
        self._heard, self._heard_at = time.monotonic(), clock()
        self._listening = False
        self._reconnects = -1
        self._lost = False
        self._unread = ""  # why counties could not be read again, as logged last

    # --- what the world asks

    @property
    def present(self) -> bool:
        """Whether the follower runs, in this process: a fork inherits the object, not the thread."""
        return _PROCESS[0] == self._process and not self._stopping.is_set()

    @property
    def is_sure(self) -> bool:
        """Whether every announced change has been looked at, and the database was heard lately."""
        return time.monotonic() - self._heard <= self._lost_after_s and self._seen >= self._announced

    def assure(self) -> None:
        """Return when every announced change has been looked at.

        Raises
        ------
        NotReady
            When the database has been silent for too long, or an announced change cannot be read in time.
        """
        if time.monotonic() - self._heard > self._lost_after_s:
            raise NotReady(
                f"the database has not answered this engine since {rfc3339(self._heard_at)}: what changed "
                f"meanwhile is not known; ask again in a moment"
            )
        if self._seen < self._announced:
            self._await(self._announced)

    def expect_change(self) -> None:
        """Look at the source now; a question asked from here on waits for it."""
        with self._looked:
            self._announced += 1
        self._poke()

    def _await(self, announced: int) -> None:
        with self._looked:
            looked = self._looked.wait_for(
                lambda: self._seen >= announced or self._stopping.is_set(), timeout=_PATIENCE_S
            )
        if not looked:
            raise NotReady(
                f"a change was announced and the database does not answer what it is, since "
                f"{rfc3339(self._heard_at)}: ask again in a moment"
            )

    # --- its own life

    def start(self) -> None:
        """Begin to follow; the world must have been read once."""
        self._thread.start()
        self._current.follow(self)

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread and its connection; the world asks its source at every question again."""
        self._stopping.set()
        self._current.follow(None)
        if os.getpid() != self._process:
            return
        with self._looked:
            self._looked.notify_all()
        self._poke()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._wake.close()
            self._waker.close()

    def following(self) -> Following:
        """How this replica stands towards the database now."""
        lag_s = time.monotonic() - self._heard
        return Following(
            heard_at=self._heard_at,
            lag_s=lag_s,
            listening=self._listening,
            behind=tuple(self._current.behind),
            reconnects=max(self._reconnects, 0),
            lost=lag_s > self._lost_after_s,
        )

    def _poke(self) -> None:
        with suppress(OSError):  # full of earlier pokes, and one is enough; or closed by `stop`
            self._waker.send(b"!")

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            try:
                with self._listen() as listener:
                    self._listening = True
                    self._reconnects += 1
                    pause_s = _FIRST_PAUSE_S
                    self._look()  # finds what was announced before the listener was there
                    self._follow(listener)
            except GridError as error:
                log.debug("not listening: %s", error)
            except Exception:
                log.exception("listening for changes failed; trying again")
            self._listening = False
            self._look_without_listening(pause_s * random.uniform(0.8, 1.2))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _follow(self, listener: Listener) -> None:
        """Look at every announcement, and at the latest after `poll_s`; return when the line seems dead."""
        due = time.monotonic() + self._poll_s
        while not self._stopping.is_set():
            told = listener.wait(max(due - time.monotonic(), 0), wake=self._wake.fileno())
            with suppress(BlockingIOError):
                self._wake.recv(4096)
            if self._is_news(told):
                with self._looked:
                    self._announced += 1
            elif told:
                self._hear(time.monotonic())
            expected = self._seen < self._announced
            if expected or time.monotonic() >= due:
                due = time.monotonic() + self._poll_s
                if self._look() and not expected and not listener.wait(_LATE_S, wake=self._wake.fileno()):
                    return  # polling found what nobody announced

    def _look_without_listening(self, pause_s: float) -> None:
        until = time.monotonic() + pause_s
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            self._look()
            self._stopping.wait(min(left, self._poll_s))

    def _is_news(self, told: Mapping[str, int]) -> bool:
        """Whether an announcement says more than is held: not of what this process recorded itself."""
        held = self._current.held
        ours = {} if held is None else held.versions
        return any(county not in ours or ours[county].version < version for county, version in told.items())

    def _look(self) -> bool:
        """Look at the source once; whether anything had moved."""
        announced, began = self._announced, time.monotonic()
        before = self._current.seen
        try:
            # a database that comes back may have been set back: its log then has other operations
            seen = self._current.look(thorough=began - self._heard > self._lost_after_s)
        except Exception as error:  # noqa: BLE001  # logged there; a replica that stopped looking would lie
            self._not_heard(error)
            return False
        self._hear(began)
        with self._looked:
            self._seen = announced
            self._looked.notify_all()
        if self._current.behind:
            self._read_counties()
        return seen != before

    def _hear(self, when: float) -> None:
        if when - self._heard > self._lost_after_s:
            log.warning("the database answers again; it was silent since %s", rfc3339(self._heard_at))
        self._lost = False
        self._heard, self._heard_at = when, self._clock()

    def _not_heard(self, error: Exception) -> None:
        if not isinstance(error, GridError):
            log.error("looking for changes failed; trying again", exc_info=error)
        elif not self._lost and time.monotonic() - self._heard > self._lost_after_s:
            self._lost = True
            log.warning(
                "questions are refused, the database is silent since %s: %s", rfc3339(self._heard_at), error
            )

    def _read_counties(self) -> None:
        """Read what was loaded, replaced or taken out, beside the questions and the listening."""
        if self._reader is None or not self._reader.is_alive():
            self._reader = threading.Thread(target=self._read, name="county reader", daemon=True)
            self._reader.start()

    def _read(self) -> None:
        try:
            while self._current.behind and not self._stopping.is_set():
                self._current.newest()
        except Exception as error:
            known = isinstance(error, GridError)
            if str(error) != self._unread:
                log.warning("counties cannot be read again: %s", error, exc_info=None if known else error)
            self._unread = str(error)
        else:
            self._unread = ""
