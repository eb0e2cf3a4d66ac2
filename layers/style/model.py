"""Cartography as values: which rule draws a feature at a scale, and with which inks.

Knows rules, colours by a property, and sizes by scale; nothing of how they are put on paper, and no layer by
name. Sizes are in pixels of 0.28 mm (OGC 06-042, 7.2.4.6.9), scales are denominators: 2,000 is near, 500,000
is far.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

Value = str | float | bool
FAR = math.inf


@dataclass(frozen=True, slots=True)
class Size:
    """A size in pixels that changes with scale: between its stops straight on the denominator's logarithm."""

    stops: tuple[tuple[float, float], ...]

    def at(self, denominator: float) -> float:
        """The size at a scale; beyond the outermost stops it stays as it is there."""
        place = bisect_right(self.stops, denominator, key=lambda stop: stop[0])
        if place == 0:
            return self.stops[0][1]
        if place == len(self.stops):
            return self.stops[-1][1]
        (near, low), (far, high) = self.stops[place - 1], self.stops[place]
        return low + (high - low) * math.log(denominator / near) / math.log(far / near)


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by a property: by steps of a number, by its words, or any one of several by a hash of a text.

    `steps` are `(at or above, colour)`, ascending; the first is taken for what is not known or is below it.
    """

    field: str
    steps: tuple[tuple[float, str], ...] = ()
    titles: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()

    @property
    def colours(self) -> tuple[str, ...]:
        """All its colours, in the order of what is drawn first."""
        return tuple(colour for _, colour in self.steps) or self.distinct


Colour = str | Palette


@dataclass(frozen=True, slots=True)
class Line:
    """A line; `dash` are lengths on and off in widths of the line."""

    colour: Colour
    width: Size
    dash: tuple[float, ...] = ()
    opacity: float = 1.0
    round_ends: bool = True


@dataclass(frozen=True, slots=True)
class Fill:
    """The inside of an area."""

    colour: Colour
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign at a point; `{field}` as its name takes the sign that a property names."""

    mark: str
    size: Size
    fill: Colour
    stroke: Colour
    stroke_width: float = 1.0

    @property
    def by(self) -> str | None:
        """The property that names the sign."""
        return self.mark[1:-1] if self.mark.startswith("{") else None


@dataclass(frozen=True, slots=True)
class Label:
    """A property as text beside a point, along a line or in an area."""

    field: str
    size: Size
    colour: str
    halo: str = "#ffffff"
    halo_width: float = 1.4
    offset: float = 0.0
    priority: int = 0


Symbol = Line | Fill | Mark | Label


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sign in its own units, 1 being half its size, y down: a filled ring, or an open line."""

    points: tuple[tuple[float, float], ...]
    closed: bool
    solid: bool
    """Filled with the colour of the stroke, whatever the fill is."""


@dataclass(frozen=True, slots=True)
class Test:
    """What a property must be: one of some values, or a number in `[low, below)`."""

    field: str
    among: tuple[Value, ...] = ()
    low: float = -math.inf
    below: float = math.inf


@dataclass(frozen=True, slots=True)
class Rule:
    """What is drawn of the features that pass all tests, from the scale `near` until `far`.

    Parameters
    ----------
    near, far
        Denominators, `near <= scale < far`.
    shown
        Whether the rule appears in legends.
    typical
        The number for which a legend takes a colour out of a palette's steps.
    """

    title: str
    tests: tuple[Test, ...]
    symbols: tuple[Symbol, ...]
    near: float = 0.0
    far: float = FAR
    shown: bool = True
    typical: float = 10.0

    def holds_at(self, denominator: float) -> bool:
        """Whether the rule is for this scale."""
        return self.near <= denominator < self.far

    def fields(self) -> set[str]:
        """The properties that it reads."""
        found = {test.field for test in self.tests}
        for symbol in self.symbols:
            if isinstance(symbol, Label):
                found.add(symbol.field)
                continue
            colours = (symbol.fill, symbol.stroke) if isinstance(symbol, Mark) else (symbol.colour,)
            found |= {colour.field for colour in colours if isinstance(colour, Palette)}
            if isinstance(symbol, Mark) and symbol.by:
                found.add(symbol.by)
        return found


@dataclass(frozen=True, slots=True)
class Style:
    """A named way to draw a layer: of the rules for a scale, the first that a feature passes draws it.

    Rules that stand first are drawn last, over the others. Labels are drawn by every rule that a feature
    passes, for a rule with labels alone takes nothing from those behind it.
    """

    name: str
    title: str
    rules: tuple[Rule, ...]

    def rules_at(self, denominator: float) -> tuple[Rule, ...]:
        """The rules that hold at a scale."""
        return tuple(rule for rule in self.rules if rule.holds_at(denominator))

    @property
    def reach(self) -> tuple[float, float]:
        """The denominators between which anything is drawn."""
        return min(rule.near for rule in self.rules), max(rule.far for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Cartography:
    """Styles of layers, the first of a layer being its default, and the signs they use."""

    layers: Mapping[str, tuple[Style, ...]]
    marks: Mapping[str, tuple[Part, ...]]
    signs: Mapping[str, tuple[tuple[str, str], ...]]
    """By property that names signs: the signs and their titles, for legends."""
    paper: str
    order: tuple[str, ...]
    """Layers as they are drawn over one another, the lowest first; `any Point` and so on stand for others."""

    def styles(self, layer: str, geometry: str) -> tuple[Style, ...]:
        """The styles of a layer; one that has none of its own takes those of its kind of geometry."""
        return self.layers.get(layer) or self.layers[f"any {geometry}"]

    def in_order(self, layers: Mapping[str, str]) -> list[str]:
        """Layers, given with their kind of geometry, as they are drawn over one another."""
        rank = {name: place for place, name in enumerate(self.order)}

        def place(layer: str) -> int:
            return rank.get(layer, rank.get(f"any {layers[layer]}", len(rank)))

        return sorted(layers, key=place)
