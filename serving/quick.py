"""What an application may answer in the event loop itself, without a thread: the contract.

Whoever answers there must not wait: not for a lock that is held for long, a file, a database or another
thread, and must be through within about a millisecond. Whatever cannot keep to that says None and is asked
again in a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields in the order they came, names in lower case."""

MOST_QUICK_BODY = 1 << 16
"""Bytes of a body that may be answered quickly."""


class QuickAnswer(NamedTuple):
    """A whole answer.

    Parameters
    ----------
    status
        Of HTTP.
    fields
        Header fields as they are sent, each ending with CR LF; not `Content-Length`, `Date` or `Connection`.
    pieces
        The content; sent one after another without being joined.
    """

    status: int
    fields: bytes
    pieces: Sequence[bytes]


class Quick(Protocol):
    """Answers some requests at once."""

    @property
    def targets(self) -> frozenset[bytes]:
        """The request targets, to the byte, of which it answers some."""

    def fields_of(self, method: bytes, target: bytes, fields: Fields) -> bytes | None:
        """The header fields of a good answer to a request of which only the head is there.

        None where it is answered in a thread. The same head is to have the same fields for as long as the
        server runs: it may not be asked about again.
        """

    def answer(self, target: bytes, fields: bytes, body: bytes) -> QuickAnswer | None:
        """The answer; `fields` are what `fields_of` gave. None where it is answered in a thread after all."""
