"""The affected customers as CSV (RFC 4180) that a spreadsheet can open without running anything.

Pure: rows in, text out. A text cell that a spreadsheet would take for a formula gets an apostrophe in front,
as OWASP advises; numbers are written by this module and stay numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from api.models import AffectedCustomer

COLUMNS = (
    "id",
    "county_code",
    "district_id",
    "node_id",
    "customer_class",
    "critical_grade",
    "contracted_kva",
    "longitude",
    "latitude",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_ROWS_PER_PIECE = 500


def guarded(text: str) -> str:
    """`text`, with an apostrophe in front where a spreadsheet would read a formula.

    Examples
    --------
    >>> guarded("=1+1"), guarded("LV-7"), guarded("")
    ("'=1+1", 'LV-7', '')
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def customers_csv(customers: Iterable[AffectedCustomer]) -> Iterator[str]:
    """The header, then a line per customer; lines end with CRLF, an absent value is an empty cell."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(COLUMNS)
    for number, customer in enumerate(customers, start=1):
        lines.writerow(
            (
                guarded(customer.customer_id),
                guarded(customer.county_code),
                guarded(customer.district_id or ""),
                guarded(customer.node_id),
                customer.customer_class,
                customer.critical_grade or "",
                repr(customer.contracted_kva),
                repr(customer.longitude),
                repr(customer.latitude),
            )
        )
        if number % _ROWS_PER_PIECE == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()
