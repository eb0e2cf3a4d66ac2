"""What slow clients may hold, and what clients are told when an answer breaks off.

Stands in front of everything else; knows no question. The server hands a request to a thread before its body
is there, and holds the thread until a long answer is taken; it cannot be told to wait less long. So:

- it has `DOORS` times as many threads as questions are answered at the same time (`serve`): bodies are waited
  for outside of those places, and slow ones take none;
- no more long answers are under way than there are places; beyond that one is refused with 503. A client that
  takes nothing for `STILL_S` is cut off by the system (`TCP_USER_TIMEOUT`), which frees the thread;
- streams of events, which never end, take none of these places: there are as many of their own, and with all
  of them taken at least half of the threads are left;
- the server ends an answer that breaks off as if it were whole (it closes the chunks in order). JSON that is
  not closed tells that by itself; after lines, a last one says it.
"""

from __future__ import annotations

import io
import logging
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpResponse

from gis_service.web.problems import problem

DOORS = 4
"""Threads of the server for each question answered at a time; they are started when they are needed."""

EVENTS = "text/event-stream"

STILL_S = 60.0
"""Seconds for which a client may take nothing of a long answer."""

Environment = dict[str, Any]
Application = Callable[[Environment, Any], Iterable[bytes]]

log = logging.getLogger("gis_service.web")

_BROKEN_OFF = "this answer broke off and is not whole; ask again"
_LAST_LINES = {
    "text/csv": f'"{_BROKEN_OFF}"\r\n'.encode(),
    "application/x-ndjson": orjson.dumps({"broken_off": _BROKEN_OFF}, option=orjson.OPT_APPEND_NEWLINE),
}


class Patience:
    """A WSGI application in front of another.

    Parameters
    ----------
    application
        Answers the requests whose bodies are there.
    places
        How many it answers at the same time.
    """

    def __init__(self, application: Application, places: int) -> None:
        self._application = application
        self._places = places
        self._answering = threading.Semaphore(places)
        self._sending = threading.BoundedSemaphore(places)
        self._listening = threading.BoundedSemaphore(places)

    def __call__(self, environ: Environment, start_response: Any) -> Iterable[bytes]:
        """Answer a request when its body is there and a place is free."""
        length = environ.get("CONTENT_LENGTH")
        if length and length.isdecimal() and int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))
        told: list[list[tuple[str, str]]] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            told.append(headers)
            start_response(status, headers, exc_info)

        with self._answering:
            answer = self._application(environ, start)
        if isinstance(answer, list) or not getattr(answer, "streaming", True):
            return answer
        events = _media_type(told[-1]) == EVENTS
        places = self._listening if events else self._sending
        if not places.acquire(blocking=False):
            _close(answer)
            what = "clients listen to events" if events else "long answers are being sent"
            detail = f"{self._places} {what}, and no more at a time; ask again in a moment"
            return _refused(environ, start_response, "not-ready", detail)
        end_when_nothing_is_taken(int(environ.get("SERVER_PORT") or 0))
        return _Sent(answer, _last_line(told[-1]), places.release)


def end_when_nothing_is_taken(port: int, still_s: float = STILL_S) -> None:
    """Have the system end the connections to a port of this process whose clients take nothing for so long.

    The server tells nobody which connection a request came on, so all are told, the listening one among them
    (those that it accepts inherit it). Where the system has no such thing, nothing happens.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT") or not port:
        return
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # descriptors that come and go, by number
        with suppress(OSError):  # closed meanwhile, or no such socket
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as one:
                    if one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1] == port:
                        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(still_s * 1000))


class _Sent:
    """A long answer under way: frees its place when it ends, and says so where it breaks off."""

    def __init__(self, answer: Iterable[bytes], last_line: bytes, done: Callable[[], None]) -> None:
        self._answer = answer
        self._pieces = iter(answer)
        self._last_line = last_line
        self._done: Callable[[], None] | None = done

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._done is None:
            raise StopIteration
        try:
            return next(self._pieces)
        except StopIteration:
            self._end()
            raise
        except Exception:
            log.exception("an answer broke off while it was sent")
            self._end()
            if self._last_line:
                return self._last_line
            raise StopIteration from None

    def close(self) -> None:
        """The server is through with the answer, or the client is gone."""
        self._end()
        _close(self._answer)

    def _end(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done()


def _close(answer: Iterable[bytes]) -> None:
    close = getattr(answer, "close", None)
    if close is not None:
        close()


def _media_type(headers: list[tuple[str, str]]) -> str:
    found = next((value for name, value in headers if name.lower() == "content-type"), "")
    return found.split(";")[0]


def _last_line(headers: list[tuple[str, str]]) -> bytes:
    return _LAST_LINES.get(_media_type(headers), b"")


def _refused(environ: Environment, start_response: Any, kind: str, detail: str) -> list[bytes]:
    response: HttpResponse = problem(kind, detail, instance=environ["PATH_INFO"])
    status = response.status_code
    start_response(f"{status} {HTTPStatus(status).phrase}", list(response.items()))
    log.info("refused with %d at %s: %s", status, environ["PATH_INFO"], detail)
    return [response.content]
