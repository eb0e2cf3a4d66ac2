"""A checked filter as an SQL condition over a table with `geom` in lon/lat.

Names are quoted identifiers of the layer's own fields and values are quoted literals, each with its type:
nothing that a caller wrote is ever read as SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from psycopg2 import sql

from layers.filter.tree import Call, Expression, Property, Shape, Value

_GEOMETRY_COLUMN = sql.SQL("geom")
_INFIX = {"=", "<>", "<", ">", "<=", ">=", "+", "-", "*"}
_FORMS = {
    "not": "(NOT {})",
    "isNull": "({} IS NULL)",
    # a database of the C locale would fold letters of English alone; ordered, both sides are of one collation
    "casei": '(lower({} COLLATE "und-x-icu") COLLATE "C")',
    "between": "({} BETWEEN {} AND {})",
    "like": "({} LIKE {} ESCAPE '\\')",
    # what cannot be divided is not known
    "/": "({} / NULLIF({}, 0))",
    "div": "trunc({} / NULLIF({}, 0))",
    "%": "({0} - {1} * trunc({0} / NULLIF({1}, 0)))",
    "^": "(CASE WHEN {0} > 0 OR ({0} = 0 AND {1} >= 0) OR ({0} < 0 AND {1} = trunc({1})) "
    "THEN power({0}, {1}) END)",
}
_CASTS = {"string": "text", "boolean": "boolean", "number": "float8", "integer": "float8"}


Told = Mapping[str, sql.Composable]
"""How a column is told where that is not how it is stored, by its name."""

AS_STORED: Told = MappingProxyType({})


def condition(expression: Expression, told: Told = AS_STORED) -> sql.Composable:
    """The expression in SQL; numbers are double precision, and texts are ordered by code point."""
    if isinstance(expression, Property):
        return _property(expression, told)
    if isinstance(expression, Value):
        return sql.SQL("{}::" + _CASTS[expression.type]).format(sql.Literal(expression.value))
    if isinstance(expression, Shape):
        return sql.SQL("ST_GeomFromWKB(decode({}, 'hex'), 4326)").format(sql.Literal(expression.wkb.hex()))
    return _call(expression, told)


def _property(one: Property, told: Told) -> sql.Composable:
    if one.type == "geometry":
        return _GEOMETRY_COLUMN
    name = told.get(one.name) or sql.Identifier(one.name)
    return sql.SQL("{}::float8").format(name) if one.type in ("number", "integer") else name


def _call(call: Call, told: Told) -> sql.Composable:
    args = [condition(one, told) for one in call.args]
    if call.op in ("and", "or"):
        return sql.SQL("({})").format(sql.SQL(f" {call.op.upper()} ").join(args))
    if call.op == "in":
        return sql.SQL("({} IN ({}))").format(args[0], sql.SQL(", ").join(args[1:]))
    if call.op.startswith("s_"):
        return sql.SQL("ST_{}({}, {})").format(sql.SQL(call.op[2:].capitalize()), *args)
    if call.op in ("<", ">", "<=", ">=", "between") and call.args[0].type == "string":
        # the bytes of UTF-8 stand in the order of code points, whatever the database's language is
        args[0] = sql.SQL('{} COLLATE "C"').format(args[0])
    if call.op in _INFIX:
        return sql.SQL(f"({{}} {call.op} {{}})").format(*args)
    return sql.SQL(_FORMS[call.op]).format(*args)
