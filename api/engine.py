"""The one engine client of this process, made from the settings when it is first needed."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from api.engine_client import EngineClient


@cache
def engine() -> EngineClient:
    """The client that every request shares."""
    return EngineClient(
        settings.ENGINE_URL,
        connect_s=settings.ENGINE_CONNECT_SECONDS,
        answer_s=settings.ENGINE_ANSWER_SECONDS,
    )
