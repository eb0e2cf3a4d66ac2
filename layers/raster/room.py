"""How many pixels are drawn at the same time: a picture takes up to thirty bytes for each while it is made.

Small pictures never wait; of the largest ones one is drawn at a time, whoever asks for how many.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from layers.source import Unreachable

MOST_PIXELS = 4096 * 4096
PATIENCE_S = 20.0


class Room:
    """A number of pixels that are drawn at the same time; safe for threads.

    Parameters
    ----------
    most
        Pixels; one picture that is larger is drawn alone.
    patience_s
        How long a picture waits for its place.
    """

    def __init__(self, most: int = MOST_PIXELS, patience_s: float = PATIENCE_S) -> None:
        self._most = most
        self._patience_s = patience_s
        self._taken = 0
        self._freed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Hold the place of a picture for as long as the block lasts.

        Raises
        ------
        Unreachable
            When there is none in time.
        """
        with self._freed:
            if not self._freed.wait_for(lambda: self._has_room(pixels), self._patience_s):
                raise Unreachable(
                    "other large maps are being drawn; ask again in a moment, or for a smaller one"
                )
            self._taken += pixels
        try:
            yield
        finally:
            with self._freed:
                self._taken -= pixels
                self._freed.notify_all()

    def _has_room(self, pixels: int) -> bool:
        return not self._taken or self._taken + pixels <= self._most


ROOM = Room()
"""That of this process."""
