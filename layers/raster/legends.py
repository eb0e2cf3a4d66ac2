"""Legends: what the rules of a style draw, each beside its title, in the same inks as on the map."""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass, replace

import numpy as np
import shapely

from layers.raster.engraving import Caption, Pixels, Plate, engraved
from layers.raster.sprites import lay_over, sprites, stamp
from layers.style.classes import drawn_symbols
from layers.style.model import (
    Cartography,
    Colour,
    Fill,
    Label,
    Line,
    Mark,
    Palette,
    Rule,
    Size,
    Style,
    Symbol,
)

_TEXT = 11.0
_LETTER = 6.9  # pixels of a Latin letter of that size, about; a Chinese one has twice the width
_GAP = 8
_NEUTRAL = "#6a6a6a"


@dataclass(frozen=True)
class Entry:
    """The lines of a style's legend, at one scale or at all: rules, then the palettes and signs they use."""

    title: str
    symbols: tuple[Symbol, ...]


def entries(style: Style, cartography: Cartography, denominator: float | None = None) -> list[Entry]:
    """The lines of a style's legend, at one scale or at all: its rules, then palettes and signs they use."""
    rules = style.rules if denominator is None else style.rules_at(denominator)
    shown = [rule for rule in rules if rule.shown and drawn_symbols(rule)]
    found = [
        Entry(rule.title, tuple(_plain(one, rule, cartography) for one in drawn_symbols(rule)))
        for rule in shown
    ]
    palettes: dict[Palette, Symbol] = {}
    signs: dict[str, Mark] = {}
    for rule in shown:
        for symbol in drawn_symbols(rule):
            colours = (symbol.fill, symbol.stroke) if isinstance(symbol, Mark) else (symbol.colour,)
            for colour in colours:
                if isinstance(colour, Palette) and colour.steps:
                    palettes.setdefault(colour, symbol)
            if isinstance(symbol, Mark) and symbol.by:
                signs.setdefault(symbol.by, symbol)
    for palette in palettes:
        width = Size(((1.0, 3.0),))
        found += [
            Entry(title, (Line(colour, width),))
            for (_, colour), title in zip(palette.steps, palette.titles, strict=True)
        ]
    for field, symbol in signs.items():
        for mark, title in cartography.signs.get(field, ()):
            found.append(Entry(title, (replace(symbol, mark=mark, fill="#ffffff", stroke=_NEUTRAL),)))
    return found


def legend_size(listed: list[Entry], width: int, height: int) -> tuple[int, int]:
    """Pixels of a legend whose signs take `width` and `height` each."""
    longest = max((_letters(entry.title) for entry in listed), default=0)
    return width + 2 * _GAP + int(longest * _LETTER) + 4, max(1, len(listed)) * height


def legend(listed: list[Entry], cartography: Cartography, width: int, height: int) -> Pixels:
    """The picture of a legend, on a transparent ground."""
    across, down = legend_size(listed, width, height)
    plates: list[Plate] = []
    marks: list[tuple[Mark, float, float]] = []
    for number, entry in enumerate(listed):
        top = number * height
        middle = top + height / 2
        filled = any(isinstance(one, Fill) for one in entry.symbols)
        box = shapely.box(2, -(top + height - 3), width - 2, -(top + 3))
        path = (
            shapely.get_exterior_ring(box)
            if filled
            else shapely.LineString([(1, -middle), (width - 1, -middle)])
        )
        for symbol in entry.symbols:
            if isinstance(symbol, Fill):
                plates.append(Plate([symbol], [shapely.to_wkb(box)]))
            elif isinstance(symbol, Line):
                thin = min(_middle(symbol.width), height / 3)
                plates.append(Plate([replace(symbol, width=Size(((1.0, thin),)))], [shapely.to_wkb(path)]))
            elif isinstance(symbol, Mark):
                marks.append((symbol, width / 2, middle))
    canvas = np.array(engraved(across, down, plates))
    seen = np.zeros((down, across), np.int32)
    for number, (mark, x, y) in enumerate(marks, 1):
        size = min(_middle(mark.size), height - 5.0)
        plain = replace(mark, size=Size(((1.0, size),)))
        signs = sprites(plain, cartography.marks[mark.mark], size, 1.0)
        stamp(canvas, np.zeros(1, np.int64), np.array([[x, y]]), signs, seen, number)
    label = Label("text", Size(((1.0, _TEXT),)), "#222222", "#ffffff", 1.2)
    said = [
        Caption(
            label,
            _TEXT,
            1.0,
            "Point",
            [entry.title],
            [struct.pack("<BIdd", 1, 1, width + _GAP, -(number + 0.5) * height)],
            beside=True,
        )
        for number, entry in enumerate(listed)
    ]
    lay_over(canvas, engraved(across, down, [], said))
    return canvas


def _middle(size: Size) -> float:
    """A size as it is on a map of 1:5,000, where most of a grid can be told apart."""
    return size.at(5000.0)


def _letters(text: str) -> float:
    return sum(1.7 if unicodedata.east_asian_width(one) in "WF" else 1.0 for one in text)


def _plain(symbol: Symbol, rule: Rule, cartography: Cartography) -> Symbol:
    def one(colour: Colour) -> str:
        return colour if isinstance(colour, str) else _typical(colour, rule)

    if isinstance(symbol, Mark):
        listed = cartography.signs.get(symbol.by or "", ())
        mark = (listed[0][0] if listed else "dot") if symbol.by else symbol.mark
        for test in rule.tests:
            if test.field == symbol.by and test.among and str(test.among[0]) in cartography.marks:
                mark = str(test.among[0])
        return replace(symbol, mark=mark, fill=one(symbol.fill), stroke=one(symbol.stroke))
    if isinstance(symbol, Line | Fill):
        return replace(symbol, colour=one(symbol.colour))
    return symbol


def _typical(palette: Palette, rule: Rule) -> str:
    """The colour a rule is shown in: of the palette's steps that its tests let through."""
    if not palette.steps:
        return palette.colours[0]
    low = max((test.low for test in rule.tests if test.field == palette.field), default=-np.inf)
    below = min((test.below for test in rule.tests if test.field == palette.field), default=np.inf)
    fitting = [(step, colour) for step, colour in palette.steps if low <= step < below] or palette.steps
    return min(fitting, key=lambda one: abs(one[0] - rule.typical))[1]
