"""`/healthz` and `/readyz`: whether the process lives, and whether it can do its work.

Readiness names each thing it needs and what to do when one is missing. Asking never changes anything.
"""

from __future__ import annotations

from typing import Any

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from api.engine import engine
from api.engine_client import EngineError


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; asks nobody."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database and the engine answer, else 503; each is reported on its own."""
    checks = {"database": _database(), "engine": _engine()}
    ready = all(check["ok"] for check in checks.values())
    answer = JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)
    answer["Cache-Control"] = "no-store"
    if not ready:
        answer["Retry-After"] = "2"
    return answer


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", ["outage"])
            (migrated,) = cursor.fetchone()
    except Error as error:
        return {"ok": False, "detail": f"the database does not answer: {' '.join(str(error).split())}"}
    if not migrated:
        return {"ok": False, "detail": "the tables are missing: run 'python -m api migrate'"}
    return {"ok": True}


def _engine() -> dict[str, Any]:
    client = engine()
    check: dict[str, Any] = {"ok": False, "address": client.address}
    try:
        said = client.readiness()
    except EngineError as error:
        return check | {"detail": error.detail}
    if not said["ready"]:
        return check | {"detail": "the engine answers but is not ready", "answer": said["answer"]}
    return check | {"ok": True}
