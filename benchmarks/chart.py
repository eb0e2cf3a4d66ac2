"""Charts of the documentation, as SVG from rows of the report; both axes logarithmic, no library needed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.pairing import Row

QUESTION_CHART = "question-cost.svg"
_NAME = re.compile(r"question-(\w+)-(\d+)$")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 400, 70, 250, 36, 52
_COLOURS = {"switch": ("#1b6ca8", "#b3541e"), "feeder": ("#3d9970", "#d98c3f")}
_ANSWERS = {"switch": "50 to 150 customers", "feeder": "1,000 to 2,000 customers"}
_HEAD = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12" fill="#333"'
_UNITS = ("µs", "ms", "s")
_TITLE = "Whom does a switch put out? Time of an answer by size of the province"

Point = tuple[float, float]


def draw_charts(rows: Sequence[Row], directory: Path) -> None:
    """Write the chart of questions at several sizes, if there are at least two sizes among the rows."""
    lines: dict[tuple[str, str], list[Point]] = {}
    for row in rows:
        if named := _NAME.match(row.name):
            what, size = named[1], float(named[2])
            lines.setdefault((what, "ours"), []).append((size, row.ours.value * 1e6))
            lines.setdefault((what, "scipy"), []).append((size, row.theirs.value * 1e6))
    if any(len(line) > 1 for line in lines.values()):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / QUESTION_CHART).write_text(_svg(lines), encoding="utf-8")


def _svg(lines: dict[tuple[str, str], list[Point]]) -> str:
    points = [point for line in lines.values() for point in line]
    x_low, x_high = _decades([x for x, _ in points])
    y_low, y_high = _decades([y for _, y in points])

    def at(point: Point) -> Point:
        x = (math.log10(point[0]) - x_low) / (x_high - x_low)
        y = (math.log10(point[1]) - y_low) / (y_high - y_low)
        return _LEFT + x * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - y * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg {_HEAD} viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{_TITLE}</text>',
    ]
    for decade in range(x_low, x_high + 1):
        x, _ = at((10.0**decade, 10.0**y_low))
        parts.append(_line((x, _TOP), (x, _HEIGHT - _BOTTOM), "#ddd"))
        parts.append(_text(x, _HEIGHT - _BOTTOM + 18, f"{10**decade:,}", "middle"))
    for decade in range(y_low, y_high + 1):
        _, y = at((10.0**x_low, 10.0**decade))
        parts.append(_line((_LEFT, y), (_WIDTH - _RIGHT, y), "#ddd"))
        unit = min(decade // 3, len(_UNITS) - 1)
        parts.append(_text(_LEFT - 8, y + 4, f"{10 ** (decade - 3 * unit)} {_UNITS[unit]}", "end"))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(_text(middle, _HEIGHT - 12, "customers of the province", "middle"))
    for (what, whose), line in lines.items():
        colour = _COLOURS[what][whose != "ours"]
        placed = [at(point) for point in sorted(line)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in placed]
    for (what, whose), y in _labels({key: at(max(line))[1] for key, line in lines.items()}).items():
        told = f"{'gridgis' if whose == 'ours' else 'scipy'}, {_ANSWERS[what]}"
        colour = _COLOURS[what][whose != "ours"]
        parts.append(_text(_WIDTH - _RIGHT + 10, y + 4, told, "start", colour))
    return "\n".join([*parts, "</svg>", ""])


def _labels(wanted: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Heights of the labels, moved apart where lines end close together."""
    placed: dict[tuple[str, str], float] = {}
    below = -math.inf
    for key, y in sorted(wanted.items(), key=lambda one: one[1]):
        below = placed[key] = max(y, below + 15)
    return placed


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = max(0, math.floor(math.log10(min(values)))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _line(begin: Point, end: Point, colour: str) -> str:
    (x1, y1), (x2, y2) = begin, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
