"""A picture of some layers: looked up, brought onto pixels, sorted into classes, drawn in order.

Everything that counts features runs over flat arrays in compiled code; Python sees classes and chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from layers.raster.easel import Easel
from layers.raster.engraving import Pixels
from layers.raster.frame import Frame
from layers.sheet import Drawable, Sight
from layers.source import Counties
from layers.style.model import Cartography, Style

MARGIN = 40.0
"""Pixels beyond the picture in which features are looked for: as wide as the widest sign or label's foot."""


class Drawn(NamedTuple):
    """A layer and the style it is drawn in."""

    source: Drawable
    style: Style


@dataclass(frozen=True)
class Picture:
    """Pixels on a transparent ground, and the counties that could not be read."""

    pixels: Pixels
    missing: tuple[str, ...] = ()


def draw(
    frame: Frame,
    layers: Sequence[Drawn],
    cartography: Cartography,
    *,
    moment: datetime | None = None,
    counties: Counties = None,
    labels: bool = True,
) -> Picture:
    """Layers over one another in a frame, the first one lowest.

    Cost: a pass over the rows in the box for each layer, and Mapnik's drawing of what is left of them.
    """
    box = frame.look_box(MARGIN * frame.ratio)
    easel = Easel(frame, cartography)
    missing: set[str] = set()
    for source, style in layers:
        rules = style.rules_at(frame.denominator)
        if not rules:
            continue
        fields = tuple(sorted(set().union(*(rule.fields() for rule in rules))))
        seen = source.look(Sight(box, fields, moment, counties))
        missing.update(seen.missing)
        easel.add(style, seen.patches, labels=labels)
    return Picture(easel.finished(), tuple(sorted(missing)))


def needed_fields(style: Style, denominator: float) -> tuple[str, ...]:
    """The properties that a style reads at a scale."""
    rules = style.rules_at(denominator)
    return tuple(sorted(set().union(*(rule.fields() for rule in rules)))) if rules else ()
