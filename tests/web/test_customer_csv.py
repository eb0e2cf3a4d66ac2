"""The customer list as CSV, by the letter of RFC 4180 and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from gis_service.web.rendering import customers_csv

HEAD = {
    "grid_version": {"450101": 3},
    "as_of": "2026-01-01T00:00:00Z",
    "partial": False,
    "missing_counties": [],
}


def customer(**columns: Any) -> dict[str, Any]:
    plain = {
        "id": "C1",
        "county_code": "450101",
        "district_id": None,
        "node_id": "n1",
        "customer_class": "residential",
        "critical_grade": None,
        "contracted_kva": 1.5,
        "point": [-1.25, 52.0],
    }
    return plain | columns


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_led_by_an_apostrophe(start: str) -> None:
    text = customers_csv(HEAD, [(None, [customer(id=f"{start}cmd")])]).content.decode()
    row = next(csv.DictReader(io.StringIO(text, newline="")))
    assert row["id"] == f"'{start}cmd"
    # numbers are numbers: a western longitude keeps its sign
    assert row["lon"] == "-1.25"


def test_quotes_commas_and_line_ends_survive() -> None:
    awkward = 'say "no",\r\ntwice; 台区'
    text = customers_csv(HEAD, [(None, [customer(node_id=awkward)])]).content.decode()
    assert next(csv.DictReader(io.StringIO(text, newline="")))["node_id"] == awkward
    assert text.startswith("id,county_code,")
    assert text.endswith("\r\n")


def test_nobody_is_a_header_alone() -> None:
    assert customers_csv(HEAD, []).content.count(b"\r\n") == 1
    assert customers_csv(HEAD, [], numbered=True).content.startswith(b"case,id,")
