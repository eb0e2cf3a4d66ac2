"""A filter after it was checked: typed, hashable values that SQL and columns are made from.

Truths have three values, as in SQL: a condition on what is not known is not known, and keeps no feature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from layers.source import FieldType

Type = FieldType | Literal["geometry"]
GEOMETRY = "geometry"
"""What a layer's geometry is called in a filter."""


@dataclass(frozen=True, slots=True)
class Property:
    """A field of the layer, or its geometry; `live` ones are not stored."""

    name: str
    type: Type
    live: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """A text, number or truth."""

    value: str | float | bool
    type: Type


@dataclass(frozen=True, slots=True)
class Shape:
    """A geometry in lon/lat, as WKB."""

    wkb: bytes
    type: Type = "geometry"


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function over others: `op` as CQL2 JSON spells it, in lower case but for `isNull`."""

    op: str
    args: tuple[Expression, ...]
    type: Type = "boolean"


Expression = Property | Value | Shape | Call


def properties_of(expression: Expression) -> Iterator[Property]:
    """Every property that an expression names."""
    if isinstance(expression, Property):
        yield expression
    elif isinstance(expression, Call):
        for one in expression.args:
            yield from properties_of(one)


def is_live(expression: Expression) -> bool:
    """Whether a database cannot evaluate an expression."""
    return any(one.live for one in properties_of(expression))


def both(*conditions: Expression | None) -> Expression | None:
    """The conditions that are given, all of which must hold."""
    given = tuple(one for one in conditions if one is not None)
    return Call("and", given) if len(given) > 1 else (given[0] if given else None)


def parted(condition: Expression | None) -> tuple[Expression | None, Expression | None]:
    """A condition as one that a database can evaluate and one, of what is live, that it cannot.

    Both together keep what the condition keeps: the parts are those of an AND.
    """
    if condition is None:
        return None, None
    parts = condition.args if isinstance(condition, Call) and condition.op == "and" else (condition,)
    stored = [one for one in parts if not is_live(one)]
    live = [one for one in parts if is_live(one)]
    return both(*stored), both(*live)
