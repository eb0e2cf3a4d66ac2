"""CQL2 text to the tree that CQL2 JSON has (OGC 21-065r2, annex B), in time linear in its length.

Knows the grammar and neither properties nor types. Nesting is bounded while it is read. Geometry stands in
the tree as shapely reads its WKT.
"""

from __future__ import annotations

from typing import Any

import shapely

from layers.filter.tokens import Word, words
from layers.source import BadQuery

MAX_DEPTH = 32
"""Levels of nesting."""

_COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")
_SUMS, _PRODUCTS = ("+", "-"), ("*", "/", "%", "DIV")
_GEOMETRIES = {
    "POINT",
    "LINESTRING",
    "POLYGON",
    "MULTIPOINT",
    "MULTILINESTRING",
    "MULTIPOLYGON",
    "GEOMETRYCOLLECTION",
}
_KEYWORDS = {"AND", "OR", "NOT", "LIKE", "BETWEEN", "IN", "IS", "NULL", "DIV"}


def read_text(text: str) -> Any:
    """The tree of a filter.

    Raises
    ------
    BadQuery
        Where it is no CQL2 text: what was expected and what stands there instead; or too deep.
    """
    return _Reader(text).whole()


class _Reader:
    """Recursive descent; each method reads one rule of the grammar and leaves what follows."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = words(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Any:
        found = self._any()
        if self._next.kind != "end":
            raise self._wrong("the end, AND, OR or an operator")
        return found

    @property
    def _next(self) -> Word:
        return self._words[self._at]

    def _taken(self, *expected: str) -> str:
        """The next word where it is one of these, which is then read; else nothing."""
        upper = self._next.upper
        if upper not in expected or not upper:
            return ""
        self._at += 1
        return upper

    def _must(self, sign: str) -> None:
        if not self._taken(sign):
            raise self._wrong(repr(sign))

    def _wrong(self, expected: str) -> BadQuery:
        word = self._next
        if word.kind == "end":
            return BadQuery(f"filter: ends where {expected} was expected")
        return BadQuery(
            f"filter: expected {expected} instead of {word.said[:40]!r} at character {word.start + 1}"
        )

    def _any(self) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadQuery(f"filter: nested deeper than {MAX_DEPTH} levels; write it flatter")
        found = self._chain("or", lambda: self._chain("and", self._factor))
        self._depth -= 1
        return found

    def _chain(self, op: str, part: Any) -> Any:
        parts = [part()]
        while self._taken(op.upper()):
            parts.append(part())
        return parts[0] if len(parts) == 1 else {"op": op, "args": parts}

    def _factor(self) -> Any:
        turned = 0
        while self._taken("NOT"):
            turned += 1
        found = self._predicate()
        # NOT NOT x is x: an unknown truth stays unknown either way
        return {"op": "not", "args": [found]} if turned % 2 else found

    def _predicate(self) -> Any:
        left = self._sum()
        if op := self._taken(*_COMPARISONS):
            return {"op": op, "args": [left, self._sum()]}
        if self._taken("IS"):
            turned = bool(self._taken("NOT"))
            self._must("NULL")
            return _turned({"op": "isNull", "args": [left]}, turned)
        turned = bool(self._taken("NOT"))
        if self._taken("LIKE"):
            return _turned({"op": "like", "args": [left, self._sum()]}, turned)
        if self._taken("BETWEEN"):
            low = self._sum()
            self._must("AND")
            return _turned({"op": "between", "args": [left, low, self._sum()]}, turned)
        if self._taken("IN"):
            self._must("(")
            return _turned({"op": "in", "args": [left, self._list()]}, turned)
        if turned:
            raise self._wrong("LIKE, BETWEEN or IN")
        return left

    def _sum(self) -> Any:
        return self._joined(_SUMS, lambda: self._joined(_PRODUCTS, self._power))

    def _joined(self, signs: tuple[str, ...], part: Any) -> Any:
        found = part()
        while op := self._taken(*signs):
            found = {"op": op.lower(), "args": [found, part()]}
        return found

    def _power(self) -> Any:
        base = self._signed()
        return {"op": "^", "args": [base, self._signed()]} if self._taken("^") else base

    def _signed(self) -> Any:
        turned = 0
        while self._taken("-"):
            turned += 1
        found = self._operand()
        if not turned % 2:
            return found
        if isinstance(found, int | float) and not isinstance(found, bool):
            return -found
        return {"op": "*", "args": [-1, found]}

    def _operand(self) -> Any:
        word = self._next
        if word.upper == "NULL":
            raise BadQuery("filter: nothing equals null; write IS NULL")
        if word.kind == "end" or word.upper in _KEYWORDS:
            raise self._wrong("a property, a value, a function or '('")
        self._at += 1
        if word.kind == "number":
            return int(word.said) if word.said.isdecimal() and len(word.said) < 19 else float(word.said)
        if word.kind == "text":
            return word.said
        if word.kind == "quoted":
            return {"property": word.said}
        if word.kind == "sign":
            return self._bracketed(word)
        if word.upper in ("TRUE", "FALSE"):
            return word.upper == "TRUE"
        if word.upper in _GEOMETRIES:
            return self._geometry(word)
        if not self._taken("("):
            return {"property": word.said}
        arguments = self._list()
        if word.upper == "BBOX":
            return {"bbox": arguments}
        if word.upper in ("DATE", "TIMESTAMP"):
            return {word.said.lower(): arguments[0]}
        if word.upper == "INTERVAL":
            return {"interval": arguments}
        return {"op": word.said.lower(), "args": arguments}

    def _bracketed(self, word: Word) -> Any:
        if word.said != "(":
            self._at -= 1
            raise self._wrong("a property, a value, a function or '('")
        found = self._any()
        self._must(")")
        return found

    def _list(self) -> list[Any]:
        """What stands between a bracket that is already read and the one that closes it."""
        found = [self._any()]
        while self._taken(","):
            found.append(self._any())
        self._must(")")
        return found

    def _geometry(self, first: Word) -> shapely.Geometry:
        """WKT up to the bracket that closes it."""
        depth = 0
        while True:
            word = self._next
            if word.kind == "end":
                raise self._wrong("')'")
            self._at += 1
            depth += {"(": 1, ")": -1}.get(word.said, 0) if word.kind == "sign" else 0
            if depth > MAX_DEPTH:
                raise BadQuery(f"filter: geometry nested deeper than {MAX_DEPTH} levels")
            if (depth == 0 and word.said == ")") or (depth == 0 and word.upper == "EMPTY"):
                break
        wkt = self._text[first.start : word.end]
        try:
            return shapely.from_wkt(wkt)
        except shapely.errors.GEOSException as error:
            raise BadQuery(f"filter: {wkt[:60]!r} is no geometry: {error}") from None


def _turned(found: Any, turned: bool) -> Any:
    return {"op": "not", "args": [found]} if turned else found
