"""From the tree of CQL2 JSON (OGC 21-065r2, clause 8) to typed expressions over the fields of one layer.

Everything that a filter may be is decided here: what is unknown, too large or of the wrong type is refused
with its name. What comes out can be evaluated without another check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from layers.filter.text import MAX_DEPTH, read_text
from layers.filter.tokens import refuse_long
from layers.filter.tree import GEOMETRY, Call, Expression, Property, Shape, Type, Value
from layers.source import BadQuery, Description

MAX_NODES = 1_000
"""Properties, values and operators of a filter."""

MAX_COORDINATES = 2_000
MAX_PATTERN = 256
MAX_WILDCARDS = 8
"""Of a LIKE pattern: how many times `%`."""

ToLonLat = Callable[[Any], Any]

SPATIAL = {
    f"s_{name}"
    for name in (
        "intersects",
        "equals",
        "disjoint",
        "touches",
        "within",
        "overlaps",
        "crosses",
        "contains",
    )
}
ARITHMETIC = {"+", "-", "*", "/", "%", "div", "^"}
COMPARISONS = {"=", "<>", "<", ">", "<=", ">="}
_COUNTS = {"not": 1, "isNull": 1, "casei": 1, "like": 2, "in": 2, "between": 3} | dict.fromkeys(
    ARITHMETIC | COMPARISONS | SPATIAL, 2
)
FUNCTIONS = sorted({*_COUNTS, "and", "or"})
_CASES = {name.lower(): name for name in FUNCTIONS}


def read_filter(
    text: str, language: str, description: Description, to_lonlat: ToLonLat | None = None
) -> Expression:
    """The condition that a filter is.

    Parameters
    ----------
    language
        `cql2-text` or `cql2-json`.
    to_lonlat
        Takes coordinates `(n, 2)` as the filter writes them to lon/lat; None where they are.

    Raises
    ------
    BadQuery
        With one sentence that names what is wrong.
    """
    if language == "cql2-text":
        tree = read_text(text)
    else:
        refuse_long(text)
        try:
            tree = orjson.loads(text)
        except ValueError as error:
            raise BadQuery(f"filter: no JSON: {error}") from None
    found = _Checker(description, to_lonlat).read(tree, 0)
    if found.type != "boolean":
        raise BadQuery(f"filter: is a {found.type}, and not something that holds or does not")
    return found


@dataclass
class _Checker:
    description: Description
    to_lonlat: ToLonLat | None
    nodes: int = 0
    coordinates: int = 0
    fields: dict[str, Property] = field(init=False)

    def __post_init__(self) -> None:
        self.fields = queryables(self.description)

    def read(self, node: Any, depth: int) -> Expression:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise BadQuery(f"filter: more than {MAX_NODES} properties, values and operators; ask in parts")
        if depth > MAX_DEPTH:
            raise BadQuery(f"filter: nested deeper than {MAX_DEPTH} levels; write it flatter")
        if isinstance(node, BaseGeometry):
            return self.shape(node)
        if isinstance(node, dict):
            return self.read_object(node, depth)
        return _value(node)

    def read_object(self, node: dict[str, Any], depth: int) -> Expression:
        if "op" in node:
            op, args = node["op"], node.get("args")
            name = _CASES.get(op.lower()) if isinstance(op, str) else None
            if name is None:
                raise BadQuery(f"filter: {_short(op)} is no operator here; there are {', '.join(FUNCTIONS)}")
            if not isinstance(args, list):
                raise BadQuery(f"filter: {name} has no list of `args`")
            return self.call(name, args, depth + 1)
        if "property" in node:
            return self.property(node["property"])
        if "bbox" in node:
            return self.shape(_rectangle(node["bbox"]))
        if "coordinates" in node or "geometries" in node:
            return self.shape(_geojson(node))
        if node.keys() & {"date", "timestamp", "interval"}:
            raise BadQuery("filter: no property here is a time; `datetime` gives the features as of a moment")
        raise BadQuery(f"filter: {_short(node)} is no operator, property, value or geometry")

    def property(self, name: Any) -> Property:
        if not isinstance(name, str) or name not in self.fields:
            listed = ", ".join(self.fields)
            raise BadQuery(f"filter: {self.description.id} has no property {_short(name)}; it has {listed}")
        return self.fields[name]

    def call(self, op: str, args: list[Any], depth: int) -> Expression:
        if op in ("and", "or"):
            if len(args) < 2:
                raise BadQuery(f"filter: {op} joins two conditions or more")
        elif len(args) != _COUNTS[op]:
            raise BadQuery(f"filter: {op} takes {_COUNTS[op]} arguments, not {len(args)}")
        if op == "in":
            if not isinstance(args[1], list) or not args[1]:
                raise BadQuery("filter: in needs a list of values")
            args = [args[0], *args[1]]
        read = tuple(self.read(one, depth) for one in args)
        if op in ("and", "or", "not"):
            _must_be({"boolean"}, op, read)
            return Call(op, read)
        if op == "isNull":
            return Call(op, read)
        if op in ARITHMETIC:
            _must_be({"number", "integer"}, op, read)
            return Call(op, read, "number")
        if op == "casei":
            _must_be({"string"}, op, read)
            return Call(op, read, "string")
        if op in SPATIAL:
            _must_be({"geometry"}, op, read)
            return Call(op, read)
        if op == "like":
            _must_be({"string"}, op, read)
            _check_pattern(read[1])
        else:
            _check_alike(op, read)
        return Call(op, read)

    def shape(self, geometry: BaseGeometry) -> Shape:
        self.coordinates += int(shapely.get_num_coordinates(geometry))
        if self.coordinates > MAX_COORDINATES:
            raise BadQuery(f"filter: more than {MAX_COORDINATES} coordinates; give a simpler geometry")
        if geometry.is_empty:
            raise BadQuery("filter: a geometry without coordinates")
        geometry = shapely.force_2d(geometry)
        if self.to_lonlat is not None:
            geometry = shapely.transform(geometry, self.to_lonlat)
        west, south, east, north = geometry.bounds
        # NaN fails every comparison
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            raise BadQuery("filter: a geometry lies outside lon/lat; `filter-crs` names another system")
        if not geometry.is_valid:
            raise BadQuery(f"filter: a geometry is not valid: {shapely.is_valid_reason(geometry)}")
        if geometry.geom_type == "GeometryCollection":
            raise BadQuery("filter: a GeometryCollection cannot be compared; ask for its parts with OR")
        return Shape(shapely.to_wkb(geometry))


def queryables(description: Description) -> dict[str, Property]:
    """What a filter of a layer may name, geometry last."""
    found = {one.name: Property(one.name, one.type, one.live) for one in description.fields}
    return found | {GEOMETRY: Property(GEOMETRY, "geometry")}


def _value(node: Any) -> Value:
    if isinstance(node, bool):
        return Value(node, "boolean")
    if isinstance(node, str):
        if "\x00" in node:
            raise BadQuery("filter: a text holds the character 0, which no property does")
        return Value(node, "string")
    if isinstance(node, int | float):
        number = float(node)
        if not math.isfinite(number):
            raise BadQuery("filter: a number is too large")
        return Value(number, "number")
    if node is None:
        raise BadQuery("filter: nothing equals null; write IS NULL")
    raise BadQuery(f"filter: {_short(node)} is no value")


def _rectangle(numbers: Any) -> BaseGeometry:
    if not isinstance(numbers, list) or len(numbers) not in (4, 6) or not _numbers(numbers):
        raise BadQuery("filter: a bbox has four numbers, or six with heights")
    half = len(numbers) // 2
    (west, south), (east, north) = numbers[:2], numbers[half : half + 2]
    if south > north:
        raise BadQuery("filter: the south of a bbox is north of its north")
    if west > east:  # over the 180th meridian
        return shapely.MultiPolygon(
            [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
        )
    return shapely.box(west, south, east, north)


def _geojson(node: dict[str, Any]) -> BaseGeometry:
    try:
        found = shapely.from_geojson(orjson.dumps(node))
    except (shapely.errors.GEOSException, TypeError) as error:
        raise BadQuery(f"filter: {_short(node)} is no geometry: {error}") from None
    if not isinstance(found, BaseGeometry):
        raise BadQuery(f"filter: {_short(node)} is no geometry")
    return found


def _numbers(values: list[Any]) -> bool:
    return all(
        isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in values
    )


def _check_pattern(pattern: Expression) -> None:
    while isinstance(pattern, Call) and pattern.op == "casei":
        pattern = pattern.args[0]
    if not isinstance(pattern, Value) or not isinstance(pattern.value, str):
        raise BadQuery("filter: the pattern of LIKE is a text in quotes")
    text = pattern.value
    if len(text) > MAX_PATTERN or text.count("%") > MAX_WILDCARDS:
        raise BadQuery(f"filter: a LIKE pattern has at most {MAX_PATTERN} characters and {MAX_WILDCARDS} %")
    if (len(text) - len(text.rstrip("\\"))) % 2:
        raise BadQuery("filter: a LIKE pattern ends with a single backslash; write two for one")


_ALIKE: dict[Type, str] = {"integer": "number"}


def _check_alike(op: str, args: tuple[Expression, ...]) -> None:
    kinds = {_ALIKE.get(one.type, one.type) for one in args}
    if len(kinds) > 1:
        raise BadQuery(f"filter: {op} compares a {' with a '.join(sorted(kinds))}; give values of one type")
    (kind,) = kinds
    if kind == "geometry":
        raise BadQuery(f"filter: {op} compares no geometry; S_EQUALS does")
    if kind == "boolean" and op not in ("=", "<>", "in"):
        raise BadQuery(f"filter: {op} puts things in an order, and true and false have none")


def _must_be(kinds: Collection[str], op: str, args: tuple[Expression, ...]) -> None:
    for one in args:
        if one.type not in kinds:
            raise BadQuery(f"filter: {op} takes a {' or '.join(sorted(kinds))}, not a {one.type}")


def _short(node: Any) -> str:
    return repr(node)[:60]
