"""Answers as bytes: JSON, GeoJSON or CSV, by what the client accepts.

Knows media types; refuses to know what a question means.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from gis_service.engine.columns import Answer
from gis_service.web.problems import Refused

JSON = "application/json"
GEOJSON = "application/geo+json"
CSV = "text/csv"

CUSTOMER_COLUMNS = (
    "id",
    "county_code",
    "district_id",
    "node_id",
    "customer_class",
    "critical_grade",
    "contracted_kva",
)
_HEAD = ("grid_version", "as_of", "partial", "missing_counties", "loaded_later")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def accepted(request: HttpRequest, offered: Sequence[str]) -> str:
    """The offered media type the client likes best; the first one where it says nothing.

    Raises
    ------
    Refused
        With 406, when it accepts none of them.
    """
    chosen = request.get_preferred_type(list(offered))
    if chosen is None:
        raise Refused(
            "not-acceptable",
            f"Accept names none of the types this answer comes in: {', '.join(offered)}",
        )
    return chosen


def json_response(answer: Any) -> HttpResponse:
    """An answer as JSON."""
    return HttpResponse(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), content_type=JSON)


def geojson_response(answer: Answer, *more: str) -> HttpResponse:
    """The geometry of an answer as a GeoJSON document; the head and the fields of `more` stand beside it."""
    members = {name: answer[name] for name in (*_HEAD, *more) if name in answer}
    document = {**answer["geometry"], **members}
    return HttpResponse(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), content_type=GEOJSON)


def customers_csv(answer: Answer) -> HttpResponse:
    """The customer list of an outage answer as CSV (RFC 4180), one row per customer, and per case.

    The head of the answer travels as HTTP headers. Text that a spreadsheet would take for a formula is led
    by an apostrophe.
    """
    cases = answer.get("cases")
    if cases is None:
        rows = _customer_rows(answer["customers"])
        text = _csv((*CUSTOMER_COLUMNS, "lon", "lat"), rows)
    else:
        numbered = ([k, *row] for k, case in enumerate(cases) for row in _customer_rows(case["customers"]))
        text = _csv(("case", *CUSTOMER_COLUMNS, "lon", "lat"), numbered)
    versions = ", ".join(f"{county}={version}" for county, version in answer["grid_version"].items())
    return HttpResponse(
        text.encode(),
        content_type=f"{CSV}; charset=utf-8; header=present",
        headers={
            "Content-Disposition": 'attachment; filename="customers.csv"',
            "Grid-Version": versions,
            "As-Of": answer["as_of"],
            "Partial": ", ".join(answer["missing_counties"]) or "no",
        },
    )


def _customer_rows(customers: Iterable[Answer]) -> Iterable[list[object]]:
    for customer in customers:
        point = customer["point"] or ("", "")
        yield [*(_guarded(customer[name]) for name in CUSTOMER_COLUMNS), *point]


def _guarded(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
