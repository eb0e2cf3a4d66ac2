"""The one engine client of this process, made from the settings when it is first needed."""

from __future__ import annotations

from functools import cache
from threading import Lock

from django.conf import settings

from api.engine_client import EngineClient

_MAKING = Lock()


def engine() -> EngineClient:
    """The client that every request shares."""
    with _MAKING:  # a cache alone lets two first requests each make one
        return _made()


def forget_engine() -> None:
    """Close the client, so that the next one is made from the settings as they are then."""
    with _MAKING:
        if _made.cache_info().currsize:
            _made().close()
        _made.cache_clear()


@cache
def _made() -> EngineClient:
    return EngineClient(
        settings.ENGINE_URL,
        connect_s=settings.ENGINE_CONNECT_SECONDS,
        answer_s=settings.ENGINE_ANSWER_SECONDS,
    )
