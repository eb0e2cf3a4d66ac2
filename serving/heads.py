"""Heads of requests that were answered in the event loop: the same bytes mean the same again.

What a head says (target, fields of the answer, length of the body) follows from its bytes alone, so one that
was parsed once need not be parsed again. Holds few of them, and short ones.
"""

from __future__ import annotations

from typing import NamedTuple

MOST_HEADS = 512
LONGEST_HEAD = 2_048
"""Bytes of a head that is remembered."""


class KnownHead(NamedTuple):
    """What a head said.

    Parameters
    ----------
    target
        Of the request.
    fields
        What `serving.quick.Quick.fields_of` gave for it.
    length
        Bytes of the body.
    """

    target: bytes
    fields: bytes
    length: int


class Heads:
    """Those of a server; forgets all of them when there are too many."""

    def __init__(self) -> None:
        self._known: dict[bytes, KnownHead] = {}
        self.get = self._known.get
        """What the head with these bytes, up to the empty line, said; None where it is not known."""

    def note(self, head: bytes, said: KnownHead) -> None:
        """Remember a head, unless it is a long one."""
        if len(head) > LONGEST_HEAD:
            return
        if len(self._known) >= MOST_HEADS:
            self._known.clear()
        self._known[head] = said
