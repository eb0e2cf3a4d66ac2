"""Is the process alive, can it answer, and what it counts: for supervisors, not for clients of the grid."""

from __future__ import annotations

import time
from collections import Counter

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from gis_service.engine.starting.readiness import readiness
from gis_service.engine.starting.recovery import KINDS
from gis_service.web.metrics import (
    FOLLOWER_BEHIND,
    FOLLOWER_LAG,
    FOLLOWER_LISTENING,
    FOLLOWER_RECONNECTS,
    RECOVERED,
    TOPOLOGY_VERSION,
    VERSION,
    exposition,
)
from gis_service.web.problems import RETRY_AFTER_S
from gis_service.web.service import WARMTH, engine, recovery

_STARTED = time.monotonic()


def _json(document: object, *, status: int = 200) -> HttpResponse:
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {})
    return HttpResponse(
        orjson.dumps(document), status=status, content_type="application/json", headers=headers
    )


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process is alive; asks nothing of the database."""
    return _json({"status": "alive", "uptime_s": round(time.monotonic() - _STARTED, 3)})


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Whether questions can be answered: each county with its versions, each database node; else 503."""
    report = readiness(engine(), warm=WARMTH.ready, following=WARMTH.following(), recovered=recovery().told)
    return _json(report, status=200 if report["status"] == "ready" else 503)


@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """Counters in Prometheus' text format."""
    world = engine().current.held
    VERSION.clear()
    TOPOLOGY_VERSION.clear()
    for county, version in (world.versions if world is not None else {}).items():
        VERSION.labels(county).set(version.version)
        TOPOLOGY_VERSION.labels(county).set(version.topology_version)
    following = WARMTH.following()
    if following is not None:
        FOLLOWER_LAG.set(following.lag_s)
        FOLLOWER_LISTENING.set(following.listening)
        FOLLOWER_RECONNECTS.set(following.reconnects)
        FOLLOWER_BEHIND.set(len(following.behind))
    found = Counter(one.kind for one in recovery().told)
    for kind in KINDS:
        RECOVERED.labels(kind).set(found[kind])
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
