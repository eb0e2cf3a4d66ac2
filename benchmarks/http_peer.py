"""The peer of the HTTP contest: the outage question in Django, answered by PostgreSQL with a recursive CTE.

One plain view, no middleware, a connection for each thread, prepared statements, orjson. Run by gunicorn:
`gunicorn -k gthread -w 1 --threads 16 benchmarks.http_peer:application`, with the database in `PEER_DSN`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import django
import orjson
import psycopg2
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from psycopg2.extensions import cursor

GRADES = ("special", "first", "second", "temporary")
_BELOW = """WITH RECURSIVE below(node) AS (
    SELECT child FROM peer.switch WHERE id = ANY($1)
    UNION ALL SELECT arc.child FROM below JOIN peer.arc ON arc.parent = below.node
) """
# The versions come along with what else is asked: a round trip fewer.
_VERSIONS = "FROM county_version WHERE loaded_at IS NOT NULL"
_CUSTOMERS = f"""PREPARE customers (text[]) AS {_BELOW}
    SELECT id, county_code, district_id, node_id, customer_class, critical_grade, contracted_kva, lon, lat
    FROM below JOIN peer.customer USING (node) ORDER BY county_code, id"""
_COUNTED = f"""PREPARE counted (text[]) AS {_BELOW}
    SELECT county_code, critical_grade, count(*),
        array_agg(DISTINCT district_id) FILTER (WHERE district_id IS NOT NULL), sum(contracted_kva), NULL
    FROM below JOIN peer.customer USING (node) GROUP BY 1, 2
    UNION ALL SELECT county_code, NULL, NULL, NULL, NULL, version {_VERSIONS}"""
_DISTRICTS = f"""PREPARE districts (text[]) AS
    SELECT id, county_code, name, transformer_id, customers_total, NULL
    FROM peer.district WHERE id = ANY($1)
    UNION ALL SELECT NULL, county_code, NULL, NULL, NULL, version {_VERSIONS} ORDER BY 2, 1"""
_held = threading.local()


def _cursor() -> cursor:
    if not hasattr(_held, "cursor"):
        session = psycopg2.connect(os.environ["PEER_DSN"])
        session.autocommit = True
        _held.cursor = session.cursor()
        _held.cursor.execute(
            "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off"
        )
        for statement in (_CUSTOMERS, _COUNTED, _DISTRICTS):
            _held.cursor.execute(statement)
    found: cursor = _held.cursor
    return found


def outage_impact(request: HttpRequest) -> HttpResponse:
    """`POST /v1/outage-impact` for elements that are out, in the normal state."""
    asked = orjson.loads(request.body)
    include = asked.get("include", ["customers", "districts"])
    answer: dict[str, Any] = {
        "as_of": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "partial": False,
        "missing_counties": [],
        "loaded_later": [],
        "opened": [],
    }
    told = _listed(asked["out"], include) if include else _only_counted(asked["out"])
    return HttpResponse(orjson.dumps(answer | told), content_type="application/json")


def _only_counted(out: list[str]) -> dict[str, Any]:
    database = _cursor()
    database.execute("EXECUTE counted (%s)", (out,))
    rows = database.fetchall()
    groups = [row for row in rows if row[5] is None]
    counties = sorted({group[0] for group in groups})
    return {
        "grid_version": _versions(rows),
        "affected": _added(groups),
        "by_county": {
            county: _added([group for group in groups if group[0] == county]) for county in counties
        },
    }


def _listed(out: list[str], include: list[str]) -> dict[str, Any]:
    database = _cursor()
    database.execute("EXECUTE customers (%s)", (out,))
    rows = database.fetchall()
    by_county: dict[str, list[Any]] = {}
    for row in rows:
        by_county.setdefault(row[1], []).append(row)
    power: dict[str, list[float]] = {}
    if "districts" in include:
        for row in rows:
            if row[2] is not None:
                power.setdefault(row[2], []).append(row[6])
    database.execute("EXECUTE districts (%s)", (list(power),))
    districts = database.fetchall()
    answer: dict[str, Any] = {
        "grid_version": _versions(districts, county=1),
        "affected": _counted(rows),
        "by_county": {county: _counted(by_county[county]) for county in sorted(by_county)},
    }
    if "districts" in include:
        answer["districts"] = [
            {
                "id": id,
                "county_code": county,
                "name": name,
                "transformer_id": transformer,
                "customers": len(power[id]),
                "customers_total": total,
                "contracted_kva": round(sum(power[id]), 6),
            }
            for id, county, name, transformer, total, version in districts
            if version is None
        ]
    if "customers" in include:
        answer["customers"] = [
            {
                "id": id,
                "county_code": county,
                "district_id": district,
                "node_id": node,
                "customer_class": kind,
                "critical_grade": grade,
                "contracted_kva": kva,
                "point": [lon, lat],
            }
            for id, county, district, node, kind, grade, kva, lon, lat in rows
        ]
    return answer


def _versions(rows: Sequence[Any], *, county: int = 0) -> dict[str, int]:
    return dict(sorted((row[county], row[5]) for row in rows if row[5] is not None))


def _counted(rows: Sequence[Any]) -> dict[str, Any]:
    grades = [row[5] for row in rows]
    return {
        "customers": len(rows),
        "critical": {grade: grades.count(grade) for grade in GRADES},
        "transformer_districts": len({row[2] for row in rows if row[2] is not None}),
        "contracted_kva": round(sum(row[6] for row in rows), 6),
    }


def _added(groups: Sequence[Any]) -> dict[str, Any]:
    return {
        "customers": sum(group[2] for group in groups),
        "critical": {grade: sum(group[2] for group in groups if group[1] == grade) for grade in GRADES},
        "transformer_districts": len({district for group in groups for district in group[3] or ()}),
        "contracted_kva": round(sum(group[4] for group in groups), 6),
    }


urlpatterns = [path("v1/outage-impact", outage_impact)]

if not settings.configured:
    settings.configure(
        DEBUG=False,
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[],
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="of no use",
        INSTALLED_APPS=[],
        USE_TZ=True,
    )
    django.setup()
    application = get_wsgi_application()
