"""Answers as bytes: JSON, GeoJSON, CSV or a JSON object a line, by what the client accepts.

Knows media types; refuses to know what a question means.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from gis_service.engine.columns import Answer
from gis_service.web.problems import Refused

JSON = "application/json"
GEOJSON = "application/geo+json"
CSV = "text/csv"
LINES = "application/x-ndjson"
OUTAGE_TYPES = (JSON, GEOJSON, CSV, LINES)
"""What answers to outage questions come as, the one meant without a word first."""

STREAMED_FROM = 1 << 20
"""Bytes from which on an answer is sent piece by piece, without saying its length first."""

SENT_AT_ONCE = 1 << 18
"""Bytes of what is then sent at once, at least."""

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


def text_response(pieces: Iterator[bytes], content_type: str = JSON) -> HttpResponse | StreamingHttpResponse:
    """Text that comes in pieces: whole where it is short, else sent piece by piece as it is written.

    What can go wrong with the question must have gone wrong before: a text under way can only break off.
    """
    whole, rest = gathered(pieces)
    if rest is None:
        return HttpResponse(whole, content_type=content_type)
    return StreamingHttpResponse(rest, content_type=content_type)


def gathered(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
    """The text joined, or, where it is long, all of it as pieces again."""
    held: list[bytes] = []
    size = 0
    coming = iter(pieces)
    for piece in coming:
        held.append(piece)
        size += len(piece)
        if size > STREAMED_FROM:
            return b"", _joined(chain(held, coming))
    return b"".join(held), None


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces joined to some that are worth sending by themselves."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= SENT_AT_ONCE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def customers_csv(
    head: Answer, lists: Iterable[tuple[int | None, Sequence[Answer]]], *, numbered: bool = False
) -> HttpResponse | StreamingHttpResponse:
    """Customers as CSV (RFC 4180), one row per customer, led by the number of its case where `numbered`.

    The head of the answer travels as HTTP headers. Text that a spreadsheet would take for a formula is led
    by an apostrophe.
    """
    versions = ", ".join(f"{county}={version}" for county, version in head["grid_version"].items())
    pieces = _csv_pieces(lists, numbered=numbered)
    response = text_response(pieces, f"{CSV}; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = 'attachment; filename="customers.csv"'
    response.headers["Grid-Version"] = versions
    response.headers["As-Of"] = head["as_of"]
    response.headers["Partial"] = ", ".join(head["missing_counties"]) or "no"
    return response


def _csv_pieces(lists: Iterable[tuple[int | None, Sequence[Answer]]], *, numbered: bool) -> Iterator[bytes]:
    yield _csv([(*(("case",) if numbered else ()), *CUSTOMER_COLUMNS, "lon", "lat")])
    for case, customers in lists:
        number = [case] if numbered else []
        yield _csv([*number, *row] for row in _customer_rows(customers))


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


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
