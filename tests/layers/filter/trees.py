"""Random filters as CQL2 JSON, random features, and what a filter keeps of them, worked out row by row.

The oracle: plain Python over one row at a time, written without a look at SQL or arrays. Numbers are halves,
and coordinates lie on a small grid, so that arithmetic is exact and shapes touch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import shapely
from hypothesis import strategies as st
from shapely.geometry import shape

from layers.source import Description, Field

LINES = Description(
    "probe_line",
    "Lines",
    "",
    "LineString",
    (
        Field("id", "string"),
        Field("county_code", "string"),
        Field("name", "string"),
        Field("length_m", "number"),
        Field("strands", "integer"),
        Field("buried", "boolean"),
    ),
)
Row = Mapping[str, Any]
Tree = Any

_LETTERS = "aAbBéÉ%_\\'\"x 线"
NAMES = st.text(_LETTERS, max_size=4)
_HALVES = st.integers(-6, 12).map(lambda n: n / 2)
_PLACE = st.tuples(st.integers(0, 4), st.integers(0, 4))
_PATHS = st.lists(_PLACE, min_size=2, max_size=3, unique=True)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """The properties of a feature without its id."""
    path = draw(st.none() | _PATHS)
    return {
        "county_code": draw(st.sampled_from(["01", "02"])),
        "name": draw(st.none() | NAMES),
        "length_m": draw(st.none() | _HALVES),
        "strands": draw(st.none() | st.integers(-2, 4)),
        "buried": draw(st.none() | st.booleans()),
        "geometry": None if path is None else shapely.LineString(path),
    }


def _op(op: str, *args: Any) -> Tree:
    return {"op": op, "args": list(args)}


def _property(*names: str) -> st.SearchStrategy[Tree]:
    return st.sampled_from(names).map(lambda name: {"property": name})


_NUMBERS = st.recursive(
    _HALVES | st.integers(-3, 6) | _property("length_m", "strands"),
    lambda inner: st.builds(_op, st.sampled_from(["+", "-", "*", "/", "%", "div"]), inner, inner),
    max_leaves=3,
)
_TEXTS = st.recursive(
    NAMES | _property("name", "id", "county_code"),
    lambda inner: inner.map(lambda one: _op("casei", one)),
    max_leaves=2,
)
_PATTERNS = st.text(_LETTERS + "%_", max_size=4).map(lambda text: text.rstrip("\\"))
_BOXES = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3)).map(
    lambda at: {"bbox": [at[0], at[1], at[0] + at[2], at[1] + at[3]]}
)
_GEOMETRIES = (
    _BOXES
    | _PLACE.map(lambda at: {"type": "Point", "coordinates": list(at)})
    | _PATHS.map(lambda path: {"type": "LineString", "coordinates": [list(at) for at in path]})
)
_RELATIONS = ["intersects", "equals", "disjoint", "touches", "within", "overlaps", "crosses", "contains"]
_ORDERED = ["=", "<>", "<", ">", "<=", ">="]
_LEAVES = (
    st.builds(_op, st.sampled_from(_ORDERED), _NUMBERS, _NUMBERS)
    | st.builds(_op, st.sampled_from(_ORDERED), _TEXTS, _TEXTS)
    | st.builds(_op, st.just("between"), _NUMBERS, _NUMBERS, _NUMBERS)
    | st.builds(_op, st.just("in"), _TEXTS, st.lists(_TEXTS, min_size=1, max_size=3))
    | st.builds(_op, st.just("in"), _NUMBERS, st.lists(_NUMBERS, min_size=1, max_size=3))
    | st.builds(_op, st.just("like"), _TEXTS, _PATTERNS)
    | st.builds(_op, st.just("isNull"), _property("name", "length_m", "strands", "buried", "geometry"))
    | st.sampled_from(_RELATIONS).flatmap(
        lambda name: st.builds(_op, st.just(f"s_{name}"), st.just({"property": "geometry"}), _GEOMETRIES)
    )
    | st.builds(_op, st.sampled_from(["=", "<>"]), _property("buried"), st.booleans())
    | _property("buried")
    | st.booleans()
)
FILTERS = st.recursive(
    _LEAVES,
    lambda inner: (
        st.builds(lambda one: _op("not", one), inner)
        | st.builds(
            lambda op, parts: _op(op, *parts),
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=2, max_size=3),
        )
    ),
    max_leaves=5,
)


def kept_ids(tree: Tree, features: Mapping[str, Row]) -> list[str]:
    """The ids of the features of which the filter is true."""
    return [id for id, row in features.items() if _of(tree, {**row, "id": id}) is True]


def _of(tree: Tree, row: Row) -> Any:
    """A value, or None where it is not known."""
    if not isinstance(tree, dict):
        return tree
    if "property" in tree:
        return row[tree["property"]]
    if "bbox" in tree:
        return shapely.box(*tree["bbox"])
    if "coordinates" in tree:
        return shape(tree)
    op, args = tree["op"], tree["args"]
    if op in ("and", "or"):
        return _joined([_of(one, row) for one in args], decides=op == "or")
    first = _of(args[0], row)
    if op == "isNull":
        return first is None
    if op == "in":
        return _joined([_pair("=", first, _of(one, row)) for one in args[1]], decides=True)
    if op == "between":
        return _joined(
            [_pair(">=", first, _of(args[1], row)), _pair("<=", first, _of(args[2], row))], decides=False
        )
    if first is None:
        return None
    if op == "not":
        return not first
    if op == "casei":
        return first.lower()
    return _pair(op, first, _of(args[1], row))


def _joined(truths: list[bool | None], *, decides: bool) -> bool | None:
    if decides in truths:
        return decides
    return None if None in truths else not decides


def _pair(op: str, a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    if op.startswith("s_"):
        return getattr(a, op[2:])(b)
    if op == "like":
        return _is_like(a, b)
    if op in ("/", "div", "%"):
        if b == 0:
            return None
        whole = math.trunc(a / b)
        return {"/": a / b, "div": whole, "%": a - b * whole}[op]
    return {
        "=": lambda: a == b,
        "<>": lambda: a != b,
        "<": lambda: a < b,
        ">": lambda: a > b,
        "<=": lambda: a <= b,
        ">=": lambda: a >= b,
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
    }[op]()


def _is_like(text: str, pattern: str) -> bool:
    wanted, at = "", 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
            wanted += re.escape(pattern[at])
        else:
            wanted += {"%": ".*", "_": "."}.get(pattern[at]) or re.escape(pattern[at])
        at += 1
    return re.fullmatch(wanted, text, re.DOTALL) is not None
