"""The list of affected customers as JSON pages and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.customer_csv import COLUMNS, customers_csv, guarded
from api.models import AffectedCustomer
from api.negotiation import wanted_form
from tests.api.asking import Api, problem
from tests.api.small_grid import CUSTOMERS, point_of

OUTAGES = "/api/v1/outages"


def test_pages_hold_every_customer_once_in_order(api: Api) -> None:
    outage = api.open(device_id="L1")["id"]
    seen: list[str] = []
    path: str | None = f"{OUTAGES}/{outage}/customers?limit=2"
    while path is not None:
        page = api.get(path).json
        assert (page["count"], page["outage"], page["assessment"]) == (5, outage, 1)
        seen += [one["id"] for one in page["customers"]]
        path = page["next"]
    assert seen == list(CUSTOMERS)


def test_the_csv_is_rfc_4180_and_holds_what_the_json_holds(api: Api) -> None:
    outage = api.open(device_id="L1")["id"]
    answer = api.get(f"{OUTAGES}/{outage}/customers?format=csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert f"outage-{outage}-customers-1.csv" in answer.headers["Content-Disposition"]
    lines = answer.text.split("\r\n")
    assert lines[0] == ",".join(COLUMNS)
    assert lines[-1] == ""
    assert "\n" not in "".join(lines)
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["id"].removeprefix("'") for row in rows] == list(CUSTOMERS)
    for row, (name, customer) in zip(rows, CUSTOMERS.items(), strict=True):
        assert [float(row["longitude"]), float(row["latitude"])] == point_of(name)
        assert float(row["contracted_kva"]) == customer["contracted_kva"]
        assert (row["critical_grade"] or None) == customer.get("critical_grade")


def test_a_cell_that_looks_like_a_formula_is_guarded_and_numbers_are_not(api: Api) -> None:
    outage = api.open(device_id="X2")["id"]
    text = api.get(f"{OUTAGES}/{outage}/customers", Accept="text/csv").text
    assert "\r\n'=C4,8802," in text
    assert ",-1.42," in text


@given(st.text(max_size=30).filter(lambda text: "\x00" not in text and "\r" not in text))
def test_a_spreadsheet_never_reads_a_formula_and_the_text_comes_back(text: str) -> None:
    """Law: no guarded cell begins like a formula, and without the guard it is the text that went in."""
    cell = guarded(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\n"))
    assert cell in (text, "'" + text)
    row = AffectedCustomer(
        customer_id=text,
        county_code="1",
        node_id="n",
        customer_class="public",
        contracted_kva=1,
        longitude=0,
        latitude=0,
    )
    (_, read) = list(csv.reader(io.StringIO("".join(customers_csv([row])), newline="")))
    assert read[0] == cell


def test_pieces_join_to_one_list_at_every_length() -> None:
    """Around the size of a piece nothing is lost or repeated."""

    def many(count: int) -> Iterator[AffectedCustomer]:
        for number in range(count):
            yield AffectedCustomer(
                customer_id=f"c{number}",
                county_code="1",
                node_id="n",
                customer_class="public",
                contracted_kva=1.5,
                longitude=-1.0,
                latitude=2.0,
            )

    for count in (0, 1, 499, 500, 501, 1000):
        rows = list(csv.reader(io.StringIO("".join(customers_csv(many(count))), newline="")))
        assert [row[0] for row in rows] == ["id", *(f"c{number}" for number in range(count))]


@pytest.mark.parametrize(
    ("format", "accept", "form"),
    [
        (None, "", "json"),
        (None, "*/*", "json"),
        (None, "text/csv", "csv"),
        (None, "text/*", "csv"),
        (None, "text/csv;q=0.4, application/json", "json"),
        (None, "application/json;q=0.4, text/csv", "csv"),
        (None, "text/csv, application/json", "json"),
        (None, "text/csv;q=0", "json"),
        (None, "text/csv;q=high", "json"),
        (None, "text/html,application/xhtml+xml,*/*;q=0.8", "json"),
        ("csv", "application/json", "csv"),
        ("json", "text/csv", "json"),
    ],
)
def test_the_form_follows_the_parameter_then_the_accept_header(
    format: str | None, accept: str, form: str
) -> None:
    """Expected: RFC 9110 §12.5.1; JSON where both are liked equally."""
    assert wanted_form(format=format, accept=accept) == form


@pytest.mark.parametrize(
    "query", ["?format=xml", "?limit=0", "?limit=10001", "?assessment=0", "?cursor=%00", "?x=1"]
)
def test_a_wrong_parameter_is_refused(api: Api, query: str) -> None:
    outage = api.open(device_id="X1")["id"]
    problem(api.get(f"{OUTAGES}/{outage}/customers{query}"), 400)
