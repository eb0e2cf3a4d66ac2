"""Outage questions that are plainly well-formed, read without models.

Says what a body asks, or nothing: then it may be malformed, or well-formed in a way that is rare (an area, a
time, a null), and `questions` decides. Whatever is accepted here is accepted there and means the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from gis_service.engine.context import NOW, Context, Switching
from gis_service.engine.outage import Case
from gis_service.web.asked.common import LONGEST_ID, MAX_IDS
from gis_service.web.asked.outages import MAX_CASES

_FIELDS = frozenset({"out", "faults", "cases", "include", "switching", "state", "at_least"})
_CONTEXT = frozenset({"switching", "state", "at_least"})
_CASE_FIELDS = frozenset({"out", "faults", "switching"})
_SWITCH_FIELDS = frozenset({"id", "open"})
_PARTS = frozenset({"customers", "districts", "elements", "geometry"})
_DEFAULT_PARTS = ("customers", "districts")


class PlainQuestion(NamedTuple):
    """An outage question; `many` where the cases stand in `cases`."""

    cases: list[Case]
    many: bool
    include: list[str] | tuple[str, ...]
    context: Context


def plain_question(body: bytes) -> PlainQuestion | None:
    """The question, or None where this is not the place to read it."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if type(told) is not dict or not told.keys() <= _FIELDS:
        return None
    include = told.get("include", _DEFAULT_PARTS)
    if include is not _DEFAULT_PARTS and not _are_parts(include):
        return None
    context = NOW if _CONTEXT.isdisjoint(told) else _context(told)
    if context is None:
        return None
    if "cases" in told:
        listed = told["cases"]
        if "out" in told or "faults" in told or type(listed) is not list or not 0 < len(listed) <= MAX_CASES:
            return None
        cases = [case for one in listed if (case := _case(one)) is not None]
        return PlainQuestion(cases, True, include, context) if len(cases) == len(listed) else None
    if "out" not in told and "faults" not in told:
        return None
    out, faults = told.get("out", ()), told.get("faults", ())
    if not (_are_ids(out) and _are_ids(faults)):
        return None
    return PlainQuestion([Case(out=out, faults=faults)], False, include, context)


def _case(told: Any) -> Case | None:
    if type(told) is not dict or not told.keys() <= _CASE_FIELDS:
        return None
    out, faults = told.get("out", ()), told.get("faults", ())
    switching = _switching(told.get("switching", ()))
    if switching is None or not (_are_ids(out) and _are_ids(faults)):
        return None
    return Case(out=out, faults=faults, switching=switching)


def _context(told: dict[str, Any]) -> Context | None:
    switching = _switching(told.get("switching", ()))
    state = told.get("state", "current")
    at_least = told.get("at_least", {})
    if switching is None or state not in ("current", "normal") or type(at_least) is not dict:
        return None
    if not all(type(version) is int and version >= 0 for version in at_least.values()):
        return None
    return Context(switching=switching, state=state, at_least=at_least)


def _switching(told: Any) -> tuple[Switching, ...] | None:
    if not told and (told == () or type(told) is list):
        return ()
    if type(told) is not list or len(told) > MAX_IDS:
        return None
    for one in told:
        if type(one) is not dict or one.keys() != _SWITCH_FIELDS:
            return None
        if type(one["open"]) is not bool or not _is_id(one["id"]):
            return None
    return tuple(Switching(one["id"], one["open"]) for one in told)


def _are_parts(told: Any) -> bool:
    return (
        type(told) is list
        and len(told) <= len(_PARTS)
        and all(type(one) is str and one in _PARTS for one in told)
    )


def _are_ids(told: Any) -> bool:
    if told == ():
        return True
    return type(told) is list and len(told) <= MAX_IDS and all(map(_is_id, told))


def _is_id(told: Any) -> bool:
    return type(told) is str and 0 < len(told) <= LONGEST_ID and "\x00" not in told
