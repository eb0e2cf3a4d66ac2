"""The process that answers: `python -m gis_service.answering THREADS SOCKET`, started and kept by `serve`.

Ends when the one that keeps it does, says what broke off, warms up beside the answers, and listens on a
socket that it is given.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

from gis_service.wsgi import application

__all__ = ["main"]

from django.conf import settings

from gis_service.web.map_service import map_changes
from gis_service.web.problems import problem
from gis_service.web.quick import QuickOutages
from gis_service.web.service import WARMTH, recovery
from serving.behind import Refusal
from serving.keeping import end_with_parent
from serving.server import Service, serve

URGENT = frozenset({"/readyz", "/metrics"})
"""Asked by supervisors, who may restart an engine that is merely busy."""


def main(arguments: Sequence[str]) -> None:
    """Answer on a socket that is open already, so many questions at a time."""
    threads, descriptor = map(int, arguments)
    listening = socket.socket(fileno=descriptor)
    end_with_parent()
    recovery().begin()
    WARMTH.start()
    service = Service(
        application=application,
        threads=threads,
        most_body=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        quick=QuickOutages(),
        urgent=URGENT,
        refuse=_refusal,
        on_stop=map_changes().stop,
    )
    serve(service, listening)


def _refusal(path: str, why: str) -> Refusal:
    response = problem("not-ready", why, instance=path)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    return Refusal(response.status_code, headers, response.content)


if __name__ == "__main__":
    main(sys.argv[1:])
