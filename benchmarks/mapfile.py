"""A style of ours as a mapfile of MapServer: the same rules, colours, widths, dashes, signs and sizes.

For one scale at a time, as ours chooses rules as well; and only the rows that a rule draws are asked of the
database.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from layers.style.model import Cartography, Colour, Fill, Line, Mark, Palette, Rule, Style, Symbol, Test


@dataclass(frozen=True)
class Table:
    """Where a layer's rows are: a table with the column `plane` in Web Mercator."""

    name: str
    kind: str
    style: Style


def mapfile(
    tables: Sequence[Table],
    cartography: Cartography,
    denominator: float,
    *,
    connection: str,
    size: tuple[int, int],
    options: Mapping[str, str],
) -> str:
    """The text of a mapfile."""
    told = "\n".join(f'    FORMATOPTION "{name}={value}"' for name, value in options.items())
    symbols = "\n".join(_sign(name, cartography) for name in cartography.marks)
    layers = "\n".join(_layer(table, cartography, denominator, connection) for table in tables)
    return f"""MAP
  NAME "grid"
  SIZE {size[0]} {size[1]}
  MAXSIZE 4096
  IMAGECOLOR 255 255 255
  UNITS METERS
  PROJECTION "init=epsg:3857" END
  OUTPUTFORMAT
    NAME "png"
    DRIVER AGG/PNG
    MIMETYPE "image/png"
    IMAGEMODE RGB
    EXTENSION "png"
{told}
  END
  WEB METADATA
    "wms_enable_request" "*"
    "wms_srs" "EPSG:3857"
    "wms_title" "grid"
  END END
{symbols}
{layers}
END
"""


def _layer(table: Table, cartography: Cartography, denominator: float, connection: str) -> str:
    rules = [rule for rule in table.style.rules_at(denominator) if rule.symbols]
    fields = sorted({name for rule in rules for name in rule.fields()} - {"id"})
    wanted = " OR ".join(f"({_sql(rule)})" for rule in rules) or "false"
    data = (
        f"plane FROM (SELECT {', '.join(['id', *fields, 'plane'])} FROM {table.name} WHERE {wanted}) AS t "
        "USING UNIQUE id USING SRID=3857"
    )
    kind = "POINT" if table.kind == "Point" else "LINE"
    classes = "\n".join(_classes(rules, cartography, denominator))
    return f"""  LAYER
    NAME "{table.name}"
    TYPE {kind}
    STATUS ON
    CONNECTIONTYPE POSTGIS
    CONNECTION "{connection}"
    PROCESSING "CLOSE_CONNECTION=DEFER"
    DATA "{data}"
    METADATA "wms_title" "{table.name}" END
{classes}
  END"""


def _classes(rules: Sequence[Rule], cartography: Cartography, denominator: float) -> Iterator[str]:
    for rule in rules:
        tests = [_expression(test) for test in rule.tests]
        palette = next((one for symbol in rule.symbols for one in _palettes(symbol)), None)
        by = next((symbol.by for symbol in rule.symbols if isinstance(symbol, Mark) and symbol.by), None)
        steps = [] if palette is None else list(palette.steps)
        for number, (low, colour) in enumerate(steps or [(-math.inf, "")]):
            below = steps[number + 1][0] if number + 1 < len(steps) else math.inf
            within = [] if palette is None else [_expression(Test(palette.field, low=low, below=below))]
            for mark in [mark for mark, _ in cartography.signs[by]] if by else [""]:
                named = [_expression(Test(by, (mark,)))] if by else []
                conditions = " AND ".join([one for one in (*tests, *within, *named) if one]) or "1 = 1"
                styles = "\n".join(
                    _style(one, colour, mark, denominator, cartography) for one in rule.symbols
                )
                yield f"    CLASS\n      EXPRESSION ({conditions})\n{styles}\n    END"


def _palettes(symbol: Symbol) -> list[Palette]:
    colours = [getattr(symbol, name, None) for name in ("colour", "fill", "stroke")]
    return [colour for colour in colours if isinstance(colour, Palette)]


def _style(symbol: Symbol, chosen: str, sign: str, denominator: float, cartography: Cartography) -> str:
    def rgb(colour: Colour) -> str:
        return " ".join(map(str, bytes.fromhex((chosen if isinstance(colour, Palette) else colour)[1:])))

    if isinstance(symbol, Line):
        width = symbol.width.at(denominator)
        dash = ""
        if symbol.dash:
            lengths = " ".join(f"{max(1.0, length * max(width, 1.0)):.2f}" for length in symbol.dash)
            dash = f" PATTERN {lengths} END LINECAP BUTT"
        return f"      STYLE COLOR {rgb(symbol.colour)} WIDTH {width:.2f}{dash or ' LINECAP ROUND'} END"
    if isinstance(symbol, Fill):
        return f"      STYLE COLOR {rgb(symbol.colour)} END"
    assert isinstance(symbol, Mark)
    name = sign or symbol.mark
    size = symbol.size.at(denominator) * _height(name, cartography) / 2
    return (
        f'      STYLE SYMBOL "{name}" SIZE {size:.2f} '
        f"COLOR {rgb(symbol.fill)} OUTLINECOLOR {rgb(symbol.stroke)} OUTLINEWIDTH {symbol.stroke_width:g} END"
    )


def _expression(test: Test) -> str:
    if test.among:
        return "(" + " OR ".join(f'"[{test.field}]" = "{one}"' for one in test.among) + ")"
    bounds = []
    if test.low > -math.inf:
        bounds.append(f"[{test.field}] >= {test.low:g}")
    if test.below < math.inf:
        bounds.append(f"[{test.field}] < {test.below:g}")
    return " AND ".join(bounds)


def _sql(rule: Rule) -> str:
    tests = []
    for test in rule.tests:
        if test.among:
            tests.append(f"{test.field} IN ({', '.join(repr(str(one)) for one in test.among)})")
        if test.low > -math.inf:
            tests.append(f"{test.field} >= {test.low:g}")
        if test.below < math.inf:
            tests.append(f"{test.field} < {test.below:g}")
    return " AND ".join(tests) or "true"


def _outline(name: str, cartography: Cartography) -> list[tuple[tuple[float, float], ...]]:
    return [(*part.points, part.points[0]) for part in cartography.marks[name]]


def _sign(name: str, cartography: Cartography) -> str:
    rings = _outline(name, cartography)
    left, top = (min(point[axis] for ring in rings for point in ring) for axis in (0, 1))
    points = " -99 -99 ".join(" ".join(f"{x - left:.3f} {y - top:.3f}" for x, y in ring) for ring in rings)
    return f'  SYMBOL NAME "{name}" TYPE VECTOR FILLED TRUE POINTS {points} END END'


def _height(name: str, cartography: Cartography) -> float:
    """Of a sign, in its own units: MapServer's sizes are heights."""
    down = [y for ring in _outline(name, cartography) for _, y in ring]
    return max(down) - min(down)
