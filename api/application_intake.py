"""Connection applications as they come in: numbered by year, and recorded once for each key."""

from __future__ import annotations

import hashlib
from datetime import datetime

import orjson
from django.db import IntegrityError, connection, transaction

from api.application_schemas import NewApplication
from api.application_states import log_step
from api.faults import Conflict
from api.models import ConnectionApplication


def create(*, request: NewApplication, now: datetime) -> tuple[ConnectionApplication, bool]:
    """Record an application; it, and whether it is new.

    Raises
    ------
    Conflict
        When the idempotency key was used for another request.
    """
    body = request.model_dump(mode="json", exclude={"idempotency_key"})
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    earlier = _by_key(request.idempotency_key, digest)
    if earlier is not None:
        return earlier, False
    try:
        with transaction.atomic():
            made = ConnectionApplication.objects.create(
                number=_next_number(now.year),
                applicant_name=request.applicant.name,
                applicant_contact=request.applicant.contact,
                longitude=request.point[0],
                latitude=request.point[1],
                kva=request.kva,
                phases=request.phases,
                supplies=request.supplies,
                independence=request.independence,
                wanted_on=request.wanted_on,
                note=request.note,
                created_at=now,
                idempotency_key=request.idempotency_key,
                request_digest=digest,
            )
            log_step(made, "received", request.decided_by, "", now)
        return made, True
    except IntegrityError:
        earlier = _by_key(request.idempotency_key, digest)
        if earlier is None:
            raise
        return earlier, False


def _by_key(key: str | None, digest: str) -> ConnectionApplication | None:
    if key is None:
        return None
    earlier = ConnectionApplication.objects.filter(idempotency_key=key).first()
    if earlier is not None and earlier.request_digest != digest:
        raise Conflict(
            f"idempotency_key {key!r} was used for another request, which made application "
            f"{earlier.number}; use a new key",
            {"application": earlier.number},
        )
    return earlier


def _next_number(year: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO application_number (year, last) VALUES (%s, 1)"
            " ON CONFLICT (year) DO UPDATE SET last = application_number.last + 1 RETURNING last",
            [year],
        )
        (last,) = cursor.fetchone()
    return f"{year}-{last:06d}"
