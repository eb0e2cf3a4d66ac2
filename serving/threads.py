"""Threads that work for an event loop: a bounded number, and none that a process must wait for at its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")

_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Threads:
    """Does work in the order it comes, so much at a time as there are threads.

    Parameters
    ----------
    number
        Of threads; each is started when it is needed first.
    name
        What they are called.
    """

    def __init__(self, number: int, name: str) -> None:
        self._number = number
        self._name = name
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._begun = 0
        self._lock = threading.Lock()
        self._free = 0  # threads that wait, less the jobs that wait for them

    def put(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Have something done; what comes of it, for the running loop. Who is cancelled is not worked for."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        with self._lock:
            self._free -= 1
            wanted = self._free < 0 and self._begun < self._number
            if wanted:
                self._begun += 1
                self._free += 1
        self._jobs.put((loop, future, work))
        if wanted:
            threading.Thread(target=self._run, name=f"{self._name} {self._begun}", daemon=True).start()
        return future

    def _run(self) -> None:
        while True:
            loop, future, work = self._jobs.get()
            self._do(loop, future, work)
            del future, work  # what a job held is not kept until the next one comes
            with self._lock:
                self._free += 1

    def _do(
        self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], work: Callable[[], Any]
    ) -> None:
        if future.cancelled():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  # whoever waits is told
            _tell(loop, future.set_exception, future, error)
        else:
            _tell(loop, future.set_result, future, result)


def _tell(
    loop: asyncio.AbstractEventLoop, how: Callable[[Any], None], future: asyncio.Future[Any], what: Any
) -> None:
    def tell() -> None:
        if not future.done():
            how(what)

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:  # the loop has ended, and nobody waits any more
        if not loop.is_closed():
            raise
