"""A checked filter evaluated on columns of features: what a database does not know, or where there is none.

Three-valued as SQL is: every value comes with where it is known. One array operation for each operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from layers.arrow_columns import arrow_texts, shapes_of
from layers.filter.tree import Call, Expression, Property, Shape, Type, Value
from layers.geojson_columns import Column, Features, TextColumn
from layers.geojson_rows import DOUBLE, TRUTH

_BLANK: dict[Type, str | float | bool] = {"string": "", "number": 0.0, "integer": 0.0, "boolean": False}

Bools = npt.NDArray[np.bool_]


class Known(NamedTuple):
    """Values of the rows, and where they are known; texts are Arrow arrays, with nulls where they are not."""

    values: Any
    known: Bools


def kept(expression: Expression, features: Features) -> Bools:
    """Which features a condition keeps: those of which it is known to hold."""
    found = _Evaluation(features).of(expression)
    truth: Bools = found.values & found.known
    return truth


class _Evaluation:
    def __init__(self, features: Features) -> None:
        self._features = features
        self._all = np.ones(len(features), np.bool_)

    def of(self, expression: Expression) -> Known:
        if isinstance(expression, Property):
            return self._property(expression)
        if isinstance(expression, Value):
            return self._constant(expression)
        if isinstance(expression, Shape):
            shape = shapely.from_wkb(expression.wkb)
            shapely.prepare(shape)
            shapes = np.empty(len(self._all), dtype=object)
            shapes[:] = shape
            return Known(shapes, self._all)
        args = [self.of(one) for one in expression.args]
        if expression.op in _LOGIC:
            return _LOGIC[expression.op](args)
        if expression.op == "in":
            return _or([_compared("=", args[0], one) for one in args[1:]])
        if expression.op == "between":
            return _and([_compared(">=", args[0], args[1]), _compared("<=", args[0], args[2])])
        if expression.op == "casei":
            return Known(pc.utf8_lower(args[0].values), args[0].known)
        if expression.op == "like":
            return self._like(expression, args[0])
        if expression.op.startswith("s_"):
            return self._spatial(expression.op[2:], args)
        if expression.op in _ARITHMETIC:
            return _arithmetic(expression.op, *args)
        return _compared(expression.op, *args)

    def _property(self, one: Property) -> Known:
        if one.type == "geometry":
            shapes = shapes_of(self._features.geometry)
            return Known(shapes, ~shapely.is_missing(shapes))
        found = known_values(self._features.properties[one.name])
        if found.known.any():
            return found
        # a column of nothing but nulls may be of any kind
        return Known(self._constant(Value(_BLANK[one.type], one.type)).values, found.known)

    def _constant(self, one: Value) -> Known:
        if isinstance(one.value, str):
            # a row of its own for each: comparing Arrow's scalars would lose where nothing is known
            return Known(pa.repeat(pa.scalar(one.value, pa.large_string()), len(self._all)), self._all)
        return Known(np.full(len(self._all), one.value), self._all)

    def _like(self, call: Call, tested: Known) -> Known:
        pattern, folded = call.args[1], False
        while isinstance(pattern, Call):
            pattern, folded = pattern.args[0], True
        assert isinstance(pattern, Value)
        text = str(pattern.value)
        if folded:
            text = pc.utf8_lower(pa.scalar(text)).as_py()
        found = pc.match_substring_regex(tested.values, _regex(text)).fill_null(False)
        return Known(found.to_numpy(zero_copy_only=False), tested.known)

    def _spatial(self, relation: str, args: list[Known]) -> Known:
        known = args[0].known & args[1].known
        found = np.zeros(len(known), np.bool_)
        found[known] = getattr(shapely, relation)(args[0].values[known], args[1].values[known])
        return Known(found, known)


def _regex(pattern: str) -> str:
    """A LIKE pattern as a regular expression that is matched in linear time.

    Arrow's own `match_like` takes the backslash of a pattern that begins or ends with `%` for a character.
    """
    found, escaped = "", False
    for one in pattern:
        if one == "\\" and not escaped:
            escaped = True
            continue
        wild = {"%": ".*", "_": "."}.get(one) if not escaped else None
        found += wild or f"\\x{{{ord(one):x}}}"
        escaped = False
    return rf"(?s)\A{found}\z"


def known_values(column: Column) -> Known:
    """A column as values and where they are known."""
    if isinstance(column, TextColumn):
        texts = arrow_texts(column)
        return Known(texts, texts.is_valid().to_numpy(zero_copy_only=False))
    if column.kind == DOUBLE:
        numbers = column.values.view(np.float64)
        return Known(numbers, np.isfinite(numbers))
    known = np.ones(len(column), np.bool_) if column.known is None else column.known != 0
    if column.kind == TRUTH:
        return Known(column.values != 0, known)
    return Known(column.values.astype(np.float64), known)


def _and(args: list[Known]) -> Known:
    holds = np.logical_and.reduce([one.values & one.known for one in args])
    fails = np.logical_or.reduce([~one.values & one.known for one in args])
    return Known(holds, holds | fails)


def _or(args: list[Known]) -> Known:
    holds = np.logical_or.reduce([one.values & one.known for one in args])
    fails = np.logical_and.reduce([~one.values & one.known for one in args])
    return Known(holds, holds | fails)


def _not(args: list[Known]) -> Known:
    return Known(~args[0].values, args[0].known)


def _is_null(args: list[Known]) -> Known:
    return Known(~args[0].known, np.ones(len(args[0].known), np.bool_))


_LOGIC: dict[str, Callable[[list[Known]], Known]] = {"and": _and, "or": _or, "not": _not, "isNull": _is_null}
_COMPARISONS: dict[str, tuple[Any, Any]] = {
    "=": (np.equal, pc.equal),
    "<>": (np.not_equal, pc.not_equal),
    "<": (np.less, pc.less),
    ">": (np.greater, pc.greater),
    "<=": (np.less_equal, pc.less_equal),
    ">=": (np.greater_equal, pc.greater_equal),
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "div": lambda a, b: np.trunc(a / b),
    "%": lambda a, b: a - b * np.trunc(a / b),
    "^": np.power,
}


def _compared(op: str, one: Known, other: Known) -> Known:
    of_numbers, of_texts = _COMPARISONS[op]
    known = one.known & other.known
    if isinstance(one.values, np.ndarray):
        return Known(of_numbers(one.values, other.values), known)
    return Known(of_texts(one.values, other.values).fill_null(False).to_numpy(zero_copy_only=False), known)


def _arithmetic(op: str, one: Known, other: Known) -> Known:
    with np.errstate(all="ignore"):
        found = _ARITHMETIC[op](one.values, other.values)
    # what cannot be divided, or is too large, is not known
    return Known(found, one.known & other.known & np.isfinite(found))
