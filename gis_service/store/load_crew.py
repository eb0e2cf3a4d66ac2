"""Sessions that work side by side for one load, each in a thread: what is begun next waits for one of them.

Knows sessions, not what they are for.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

from psycopg2 import extensions

from gis_service.errors import NotReady
from gis_service.store.locks import load_session

Work = Callable[[extensions.connection], object]

_T = TypeVar("_T")


class Crew:
    """Sessions that work side by side, each in a thread."""

    def __init__(self, session: extensions.connection, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._free: queue.SimpleQueue[extensions.connection] = queue.SimpleQueue()
        self._joined: list[extensions.connection] = []
        self.join(session)

    @property
    def size(self) -> int:
        """How many sessions take part so far."""
        return len(self._joined)

    def join(self, session: extensions.connection) -> None:
        """Let one more session take part."""
        self._joined.append(session)
        self._free.put(session)

    def begin(self, work: Callable[[extensions.connection], _T]) -> Future[_T]:
        """Start the work when a session is free; waits until then, so that no more is kept in memory."""
        session = self._free.get()

        def run() -> _T:
            try:
                return work(session)
            finally:
                self._free.put(session)

        return self._threads.submit(run)

    def all(self, works: Iterable[Work]) -> None:
        """Do all of this, begun in this order, and return when it is done."""
        for one in [self.begin(work) for work in works]:
            one.result()


@contextmanager
def crew_of(held: extensions.connection, size: int) -> Iterator[Crew]:
    """A crew of this session and as many more as the size says and the server lets in, opened meanwhile."""

    def open_one() -> None:
        with suppress(NotReady):
            crew.join(kept.enter_context(load_session()))

    with ExitStack() as kept, ThreadPoolExecutor(size) as threads:
        crew = Crew(held, threads)
        opening = [threads.submit(open_one) for _ in range(size - 1)]
        yield crew
        for one in opening:
            one.result()
