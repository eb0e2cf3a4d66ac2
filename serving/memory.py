"""How much of bodies and answers is held at a time: clients who send or take slowly cannot fill memory.

Counted are bodies and answers above `UNCOUNTED` bytes while they are held; what little is below is bounded by
the number of connections.
"""

from __future__ import annotations

UNCOUNTED = 1 << 16


class Memory:
    """A number of bytes that requests share; used in the loop alone, so it needs no lock.

    Parameters
    ----------
    most
        Bytes that may be held at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self.unsent = 0
        """Bytes in the buffers of all connections when looked at last, and of long answers since."""

    @property
    def taken(self) -> int:
        """Bytes that are held now."""
        return self._taken

    @property
    def tight(self) -> bool:
        """Whether less than half is left."""
        return 2 * (self._taken + self.unsent) > self._most

    def take(self, number: int) -> bool:
        """Hold so many more; False where there is no room for them."""
        if self._taken + self.unsent + number > self._most:
            return False
        self._taken += number
        return True

    def give_back(self, number: int) -> None:
        """Hold so many no longer."""
        self._taken -= number
