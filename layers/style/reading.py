"""Cartography read from its file: every fault named with the layer, the style and the rule it stands in."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from layers.source import LayerError
from layers.style.model import (
    FAR,
    Cartography,
    Colour,
    Fill,
    Label,
    Line,
    Mark,
    Palette,
    Part,
    Rule,
    Size,
    Style,
    Symbol,
    Test,
)

SHIPPED = Path(__file__).with_name("cartography.toml")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_CIRCLE_STEPS = 32


class BadStyle(LayerError):
    """A file of cartography that cannot be; the message names the place and what is wrong with it."""


@lru_cache(maxsize=4)
def cartography(path: Path = SHIPPED) -> Cartography:
    """The cartography of a file.

    Raises
    ------
    BadStyle
        For the first thing in it that cannot be.
    """
    try:
        return _Reader(tomllib.loads(path.read_text(encoding="utf-8"))).read()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadStyle(f"{path.name}: {error}") from None


class _Reader:
    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given
        self.place = ""

    def read(self) -> Cartography:
        try:
            self.palettes = {name: self._palette(name, one) for name, one in self.given["palettes"].items()}
            self.marks = {name: tuple(map(_part, parts)) for name, parts in self.given["marks"].items()}
            signs = self.given.get("signs", {})
            return Cartography(
                {layer: self._styles(layer, styles) for layer, styles in self.given["layers"].items()},
                self.marks,
                {field: tuple((mark, title) for mark, title in listed) for field, listed in signs.items()},
                self._colour_code(self.given.get("paper", "#ffffff")),
                tuple(self.given.get("order", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise BadStyle(
                f"cartography: {self.place or 'the file'}: {type(error).__name__} {error}"
            ) from None

    def _palette(self, name: str, given: Mapping[str, Any]) -> Palette:
        self.place = f"palette {name}"
        steps = tuple((float(low), self._colour_code(colour)) for low, colour, _ in given.get("steps", ()))
        if list(steps) != sorted(steps):
            raise ValueError("steps must ascend")
        titles = tuple(title for _, _, title in given.get("steps", ()))
        distinct = tuple(map(self._colour_code, given.get("distinct", ())))
        if not steps and not distinct:
            raise ValueError("give steps or distinct colours")
        return Palette(given["field"], steps, titles, distinct)

    def _styles(self, layer: str, given: list[Mapping[str, Any]]) -> tuple[Style, ...]:
        styles = []
        for one in given:
            rules = []
            for rule in one["rules"]:
                self.place = f"{layer}, style {one['name']}, rule {rule.get('title')!r}"
                rules.append(self._rule(rule))
            styles.append(Style(one["name"], one["title"], tuple(rules)))
        return tuple(styles)

    def _rule(self, given: Mapping[str, Any]) -> Rule:
        near, far = given.get("scale", (0, FAR))
        tests = tuple(_test(field, wanted) for field, wanted in given.get("where", {}).items())
        symbols = tuple(map(self._symbol, given["draw"]))
        return Rule(
            given["title"],
            tests,
            symbols,
            float(near),
            float(far),
            bool(given.get("shown", True)),
            float(given.get("typical", 10)),
        )

    def _symbol(self, given: Mapping[str, Any]) -> Symbol:
        if "line" in given:
            return Line(
                self._colour(given["line"]),
                _size(given["width"]),
                tuple(map(float, given.get("dash", ()))),
                float(given.get("opacity", 1)),
                not given.get("square", False),
            )
        if "mark" in given:
            mark = Mark(
                given["mark"],
                _size(given["size"]),
                self._colour(given["fill"]),
                self._colour(given["stroke"]),
                float(given.get("stroke_width", 1)),
            )
            if mark.by is None and mark.mark not in self.marks:
                raise ValueError(f"no mark is called {mark.mark}")
            return mark
        if "fill" in given:
            return Fill(self._colour(given["fill"]), float(given.get("opacity", 1)))
        return Label(
            given["label"],
            _size(given["size"]),
            self._colour_code(given["colour"]),
            self._colour_code(given.get("halo", "#ffffff")),
            float(given.get("halo_width", 1.4)),
            float(given.get("offset", 0)),
            int(given.get("priority", 0)),
        )

    def _colour(self, text: str) -> Colour:
        return self.palettes[text[1:]] if text.startswith("@") else self._colour_code(text)

    @staticmethod
    def _colour_code(text: str) -> str:
        if not _COLOUR.fullmatch(text):
            raise ValueError(f"{text!r} is not a colour such as #1b4f8f")
        return text


def _test(field: str, wanted: Any) -> Test:
    if isinstance(wanted, Mapping):
        low, below = wanted.get("at_least", -math.inf), wanted.get("below", math.inf)
        return Test(field, low=float(low), below=float(below))
    return Test(field, tuple(wanted) if isinstance(wanted, list) else (wanted,))


def _size(given: Any) -> Size:
    stops = given if isinstance(given, list) else [[1.0, given]]
    made = tuple((float(denominator), float(pixels)) for denominator, pixels in stops)
    if list(made) != sorted(made) or made[0][0] <= 0 or not made:
        raise ValueError(f"{given!r} is not [denominator, pixels] in ascending order")
    return Size(made)


def _part(given: Mapping[str, Any]) -> Part:
    (shape, value), *_ = given.items()
    if shape == "box":
        west, north, east, south = value
        return Part(((west, north), (east, north), (east, south), (west, south)), closed=True, solid=False)
    if shape in ("circle", "hoop"):
        x, y, radius = value
        turns = [2 * math.pi * step / _CIRCLE_STEPS for step in range(_CIRCLE_STEPS)]
        ring = tuple((x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns)
        return (
            Part(ring, closed=True, solid=False)
            if shape == "circle"
            else Part((*ring, ring[0]), False, False)
        )
    points = tuple((float(x), float(y)) for x, y in value)
    return Part(points, closed={"ring": True, "solid": True, "line": False}[shape], solid=shape == "solid")
