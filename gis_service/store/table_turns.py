"""Whose turn it is in each table, where several sessions of one load copy rows into the same tables.

Two sessions in one table wait for each other whenever it grows, and put its rows in disorder, which the keys
pay for that are built from them (ADR 0009). So each takes the next table that nobody else is in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Condition


class Turns:
    """The tables that are being written, one session in each."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._changed = Condition()

    @contextmanager
    def first_free(self, tables: Sequence[str]) -> Iterator[str]:
        """Be alone, during the block, in the first of these tables that is free; waits until one is."""
        with self._changed:
            while not (free := [one for one in tables if one not in self._taken]):
                self._changed.wait()
            self._taken.add(free[0])
        try:
            yield free[0]
        finally:
            with self._changed:
                self._taken.remove(free[0])
                self._changed.notify_all()
