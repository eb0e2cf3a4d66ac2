"""A WMS request's parameters: names in any case (OGC 06-042, 6.8.1), values checked, faults with codes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from layers.catalog import Catalog
from layers.raster import JPEG, PNG, PNG8, Drawn, Frame
from layers.sheet import Drawable
from layers.style import Cartography, Style
from layers.wms.faults import NEW, OLD, ServiceFault
from layers.wms.reference_systems import KNOWN, north_first

MAX_SIDE = 4096
MAX_LAYERS = 64
"""Layers of one map. Capabilities do not tell it: what tries that figure out writes the names in a way that
no name with a colon is found (ets-wms13, getmap:layerlimit), and no map of people has so many."""

ROOT = "grid"
"""The layer that holds all others."""

MAP_FORMATS = (PNG, PNG8, JPEG)
EXCEPTIONS = {
    NEW: {"XML": "XML", "INIMAGE": "INIMAGE", "BLANK": "BLANK"},
    OLD: {
        "application/vnd.ogc.se_xml": "XML",
        "application/vnd.ogc.se_inimage": "INIMAGE",
        "application/vnd.ogc.se_blank": "BLANK",
    },
}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?")
_FARTHEST = 1e12


class Given(dict[str, str]):
    """Parameters by their names in capitals."""

    @staticmethod
    def of(pairs: Iterable[tuple[str, str]]) -> Given:
        """Of names and values as they came; the first of a name counts."""
        found = Given()
        for name, value in pairs:
            found.setdefault(name.upper(), value)
        return found

    def need(self, name: str) -> str:
        """A value that must be there and not be empty."""
        if not self.get(name):
            raise ServiceFault(f"{name}: this parameter is needed", "MissingParameterValue", name)
        return self[name]


@dataclass(frozen=True)
class MapAsked:
    """A map that was asked for, with everything that decides how it looks."""

    frame: Frame
    layers: tuple[Drawn, ...]
    names: tuple[str, ...]
    format: str
    transparent: bool
    ground: tuple[int, int, int]
    moment: datetime | None


def version_of(given: Given) -> str:
    """The version to answer in (OGC 06-042, 6.2.4): the one asked for, or the nearest one below it."""
    asked = given.get("VERSION") or given.get("WMTVER") or NEW
    numbers = [int(part) if part.isdecimal() else 0 for part in asked[:20].split(".")]
    return NEW if numbers >= [1, 3] else OLD


def need_version(given: Given) -> None:
    """Refuse what asks for a map or for features without a version (OGC 06-042, tables 8 and 10)."""
    if not (given.get("VERSION") or given.get("WMTVER")):
        raise ServiceFault(f"VERSION: say {NEW} or {OLD}", "MissingParameterValue", "VERSION")


def exceptions_of(given: Given, version: str) -> str:
    """How faults are to be told: XML, INIMAGE or BLANK; XML for what is not known."""
    asked = given.get("EXCEPTIONS", "")
    known = {**EXCEPTIONS[NEW], **EXCEPTIONS[OLD]}
    return next((kind for name, kind in known.items() if name.lower() == asked.lower()), "XML")


def drawables(catalog: Catalog) -> dict[str, Drawable]:
    """The layers that can be drawn, by name."""
    return {source.description.id: source for source in catalog if isinstance(source, Drawable)}


def geometries(layers: Mapping[str, Drawable]) -> dict[str, str]:
    """Layers with their kinds of geometry."""
    return {name: source.description.geometry for name, source in layers.items()}


def map_asked(
    given: Given, version: str, catalog: Catalog, cartography: Cartography, now: datetime
) -> MapAsked:
    """The map of a GetMap request.

    Raises
    ------
    ServiceFault
        For the first parameter that cannot be.
    """
    names, layers = layers_asked(given, catalog, cartography)
    return MapAsked(
        frame_asked(given, version),
        tuple(layers),
        tuple(names),
        format_asked(given, MAP_FORMATS),
        _truth(given, "TRANSPARENT"),
        ground_asked(given),
        moment_asked(given, now),
    )


def layers_asked(
    given: Given, catalog: Catalog, cartography: Cartography, parameter: str = "LAYERS"
) -> tuple[list[str], list[Drawn]]:
    """Names as asked for, and the layers they stand for, the lowest first, each with its style."""
    known = drawables(catalog)
    names = given.need(parameter).split(",")
    if len(names) > MAX_LAYERS:
        raise ServiceFault(f"{parameter}: {MAX_LAYERS} layers at most", "TooManyLayers", parameter)
    asked = given.get("STYLES", "")
    styles = asked.split(",") if asked else [""] * len(names)
    if len(styles) != len(names):
        raise ServiceFault(
            f"STYLES: {len(styles)} styles for {len(names)} layers; give one for each, or none at all",
            "StyleNotDefined",
            "STYLES",
        )
    drawn: list[Drawn] = []
    for name, style in zip(names, styles, strict=True):
        if name == ROOT:
            drawn += [
                Drawn(known[one], _style(known[one], style, cartography, whole=True))
                for one in cartography.in_order(geometries(known))
            ]
        elif name in known:
            drawn.append(Drawn(known[name], _style(known[name], style, cartography)))
        else:
            raise ServiceFault(
                f"{parameter}: no layer is called {name!r}; there are {', '.join([ROOT, *known])}",
                "LayerNotDefined",
                parameter,
            )
        if len(drawn) > max(MAX_LAYERS, len(known)):
            raise ServiceFault(
                f"{parameter}: {MAX_LAYERS} at most; {ROOT} counts as the {len(known)} that it holds",
                "TooManyLayers",
                parameter,
            )
    return names, drawn


def _style(source: Drawable, name: str, cartography: Cartography, *, whole: bool = False) -> Style:
    description = source.description
    styles = cartography.styles(description.id, description.geometry)
    for style in styles:
        if style.name == (name or styles[0].name):
            return style
    if whole and any(name == style.name for of in cartography.layers.values() for style in of):
        return styles[0]
    raise ServiceFault(
        f"STYLES: the layer {description.id} has no style {name!r}; it has "
        f"{', '.join(style.name for style in styles)}",
        "StyleNotDefined",
        "STYLES",
    )


def frame_asked(given: Given, version: str) -> Frame:
    """The box and size of a map."""
    parameter = "CRS" if version == NEW else "SRS"
    if not given.get(parameter) and given.get("CRS" if parameter == "SRS" else "SRS"):
        # what other versions call it does no harm
        parameter = "CRS" if parameter == "SRS" else "SRS"
    crs = given.need(parameter).upper()
    if crs not in KNOWN:
        raise ServiceFault(
            f"{parameter}: {crs[:40]!r} is not offered; use CRS:84, EPSG:4326, EPSG:3857, EPSG:4490, or a "
            "zone of UTM or Gauss–Krüger that the capabilities list",
            "InvalidCRS",
            parameter,
        )
    west, south, east, north = box_asked(given.need("BBOX"), swapped=version == NEW and north_first(crs))
    width, height = _side(given, "WIDTH"), _side(given, "HEIGHT")
    return Frame(crs, west, south, east, north, width, height)


def box_asked(text: str, *, swapped: bool) -> tuple[float, float, float, float]:
    """A BBOX, x before y; `swapped` when it was given with y first."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or not all(abs(one) <= _FARTHEST for one in numbers):
        raise ServiceFault(
            f"BBOX: {text[:80]!r} is not four numbers minx,miny,maxx,maxy", "InvalidParameterValue", "BBOX"
        )
    west, south, east, north = numbers
    if swapped:
        west, south, east, north = south, west, north, east
    # a box without area is refused by OGC 06-042, 7.3.3.6
    if west >= east or south >= north or (east - west) < 1e-9 or (north - south) < 1e-9:
        raise ServiceFault(
            f"BBOX: {text[:80]!r} has no area: each minimum must lie below its maximum",
            "InvalidParameterValue",
            "BBOX",
        )
    return west, south, east, north


def _side(given: Given, name: str) -> int:
    text = given.need(name)
    pixels = _whole(text)
    if not 1 <= pixels <= MAX_SIDE:
        raise ServiceFault(
            f"{name}: {text[:20]!r} is not a whole number of pixels from 1 to {MAX_SIDE}",
            "InvalidParameterValue",
            name,
        )
    return pixels


def _whole(text: str) -> int:
    """A whole number in decimal digits, -1 for anything else or more than nine of them."""
    digits = text.lstrip("0") or text[-1:]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else -1


def format_asked(given: Given, offered: Sequence[str], parameter: str = "FORMAT") -> str:
    """One of the formats that are offered, however it is spaced."""
    asked = given.need(parameter)
    plain = _plain_format(asked)
    for format in offered:
        if _plain_format(format) == plain:
            return format
    raise ServiceFault(
        f"{parameter}: {asked[:60]!r} is not offered; use {', '.join(offered)}", "InvalidFormat", parameter
    )


def _plain_format(text: str) -> str:
    plain = text.lower().replace(" ", "").replace("+", "")
    return {"image/png8": "image/png;mode=8bit", "image/jpg": "image/jpeg"}.get(plain, plain)


def _truth(given: Given, name: str) -> bool:
    text = given.get(name, "FALSE").upper()
    if text not in ("TRUE", "FALSE", ""):
        raise ServiceFault(f"{name}: {text[:20]!r} is neither TRUE nor FALSE", "InvalidParameterValue", name)
    return text == "TRUE"


def ground_asked(given: Given) -> tuple[int, int, int]:
    """The colour of BGCOLOR; white where it is not given."""
    text = given.get("BGCOLOR") or "0xFFFFFF"
    found = re.fullmatch(r"(?:0[xX]|#)?([0-9a-fA-F]{6})", text)
    if not found:
        raise ServiceFault(
            f"BGCOLOR: {text[:20]!r} is not a colour such as 0xFFFFFF", "InvalidParameterValue", "BGCOLOR"
        )
    red, green, blue = bytes.fromhex(found[1])
    return red, green, blue


def moment_asked(given: Given, now: datetime) -> datetime | None:
    """The instant of TIME; None for the current state (OGC 06-042, annexes C and D)."""
    text = given.get("TIME", "").strip()
    if text.lower() in ("", "current"):
        return None
    if not _INSTANT.fullmatch(text):
        raise ServiceFault(
            f"TIME: {text[:60]!r} is not one instant such as 2024-05-01T12:00:00Z, or 'current'",
            "InvalidDimensionValue",
            "TIME",
        )
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ServiceFault(
            f"TIME: {text!r} is not in the calendar", "InvalidDimensionValue", "TIME"
        ) from None
    if moment > now:
        raise ServiceFault(
            f"TIME: {text!r} lies in the future: the grid is known until now", "InvalidDimensionValue", "TIME"
        )
    return moment


def place_asked(given: Given, frame: Frame, version: str) -> tuple[int, int]:
    """The pixel of a GetFeatureInfo request: I, J (1.3.0) or X, Y (1.1.1)."""
    names: Mapping[str, int] = {"I": frame.width, "J": frame.height}
    if version == OLD or ("I" not in given and "X" in given):
        names = {"X": frame.width, "Y": frame.height}
    found = []
    for name, most in names.items():
        text = given.need(name)
        pixel = _whole(text)
        if not 0 <= pixel < most:
            raise ServiceFault(
                f"{name}: {text[:20]!r} is no pixel of the map: give a whole number from 0 to {most - 1}",
                "InvalidPoint",
                name,
            )
        found.append(pixel)
    return found[0], found[1]


def number_asked(given: Given, name: str, default: int, most: int) -> int:
    """A whole number from 1 on; larger ones than `most` are taken as that."""
    text = given.get(name) or str(default)
    number = most if text.isascii() and text.isdecimal() and len(text.lstrip("0")) > 9 else _whole(text)
    if number < 1:
        raise ServiceFault(
            f"{name}: {text[:20]!r} is not a whole number from 1", "InvalidParameterValue", name
        )
    return min(number, most)


def scale_asked(given: Given) -> float | None:
    """The denominator of SCALE in a legend's request."""
    text = given.get("SCALE", "")
    if not text:
        return None
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not 0 < scale < math.inf:
        raise ServiceFault(
            f"SCALE: {text[:20]!r} is not a scale's denominator such as 25000",
            "InvalidParameterValue",
            "SCALE",
        )
    return scale
