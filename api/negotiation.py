"""Which form of the answer a client wants: `?format=`, else the `Accept` header (RFC 9110 §12.5.1)."""

from __future__ import annotations

from typing import Literal

from api.faults import Malformed

Form = Literal["json", "csv"]
_TYPES: dict[str, Form] = {"application/json": "json", "text/csv": "csv"}


def wanted_form(*, format: str | None, accept: str) -> Form:
    """`json` or `csv`; JSON where the client likes both equally or accepts neither.

    Examples
    --------
    >>> wanted_form(format=None, accept="text/csv, application/json;q=0.5")
    'csv'
    """
    if format is not None:
        if format not in ("json", "csv"):
            raise Malformed("format", f"write json or csv, not {format!r}")
        return "csv" if format == "csv" else "json"
    best: Form = "json"
    best_rank = (0.0, 0)
    for media_range in accept.split(","):
        name, *parameters = (part.strip().lower() for part in media_range.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        for type_, form in _TYPES.items():
            specific = (
                2
                if name == type_
                else 1
                if name == type_.split("/")[0] + "/*"
                else 0
                if name == "*/*"
                else -1
            )
            if specific < 0 or quality <= 0:
                continue
            rank = (quality, specific)
            if rank > best_rank or (rank == best_rank and form == "json"):
                best, best_rank = form, rank
    return best
