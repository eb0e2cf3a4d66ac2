"""Mapnik, asked to draw geometry that lies on pixels: symbols to XML, chunks to features, to an image.

Mapnik projects nothing and chooses nothing here; it draws what it is given, in that order, without the GIL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

import mapnik
import numpy as np
import numpy.typing as npt

from layers.raster.fonts import font_names
from layers.style.model import Fill, Label, Line

Pixels = npt.NDArray[np.uint8]
"""Red, green, blue and alpha, `(height, width, 4)`; colours are not multiplied by alpha."""


@dataclass(frozen=True)
class Plate:
    """Chunks of WKB on pixels, y down, and the lines and fills they are drawn with; sizes in pixels."""

    symbols: Sequence[Line | Fill]
    chunks: Sequence[bytes]


@dataclass(frozen=True)
class Caption:
    """Texts with the WKB of the place, line or area that each belongs to, and the kind of that geometry."""

    label: Label
    size: float
    ratio: float
    kind: str
    texts: Sequence[str]
    places: Sequence[bytes]
    beside: bool = False
    """Right of the place instead of on it."""


def engraved(width: int, height: int, plates: Sequence[Plate], captions: Sequence[Caption] = ()) -> Pixels:
    """A transparent picture of some plates, one over another, and captions that do not cover each other."""
    if not plates and not captions:
        return np.zeros((height, width, 4), np.uint8)
    map_ = mapnik.Map(width, height)
    mapnik.load_map_from_string(map_, _document(plates, captions), False, "")
    # y counts down on a picture and up on a map
    map_.zoom_to_box(mapnik.Box2d(0, -height, width, 0))
    layers = map_.layers
    context = mapnik.Context()
    for number, plate in enumerate(plates):
        layers[number].datasource = _shapes(plate.chunks, context)
    if captions:
        context = mapnik.Context()
        context.push("text")
        for number, caption in enumerate(captions, len(plates)):
            layers[number].datasource = _texts(caption, context)
    image = mapnik.Image(width, height)
    mapnik.render(map_, image)
    drawn: Pixels = np.frombuffer(image.to_string(), np.uint8).reshape(height, width, 4)
    return drawn


def _shapes(chunks: Sequence[bytes], context: mapnik.Context) -> mapnik.MemoryDatasource:
    source = mapnik.MemoryDatasource()
    for number, chunk in enumerate(chunks, 1):
        feature = mapnik.Feature(context, number)
        feature.geometry = mapnik.Geometry.from_wkb(chunk)
        source.add_feature(feature)
    return source


def _texts(caption: Caption, context: mapnik.Context) -> mapnik.MemoryDatasource:
    source = mapnik.MemoryDatasource()
    for number, (text, place) in enumerate(zip(caption.texts, caption.places, strict=True), 1):
        feature = mapnik.Feature(context, number)
        feature["text"] = text
        feature.geometry = mapnik.Geometry.from_wkb(place)
        source.add_feature(feature)
    return source


def _document(plates: Sequence[Plate], captions: Sequence[Caption]) -> str:
    fonts = "".join(f"<Font face-name={quoteattr(name)}/>" for name in font_names())
    pieces = ['<Map srs="epsg:3857">', f'<FontSet name="labels">{fonts}</FontSet>' if captions else ""]
    rules = ["".join(map(_symbol, plate.symbols)) for plate in plates] + [_text(one) for one in captions]
    for number, rule in enumerate(rules):
        pieces.append(f'<Style name="s{number}"><Rule>{rule}</Rule></Style>')
    pieces += [
        f'<Layer name="l{number}" srs="epsg:3857"><StyleName>s{number}</StyleName></Layer>'
        for number in range(len(rules))
    ]
    return "".join([*pieces, "</Map>"])


def _symbol(symbol: Line | Fill) -> str:
    if isinstance(symbol, Fill):
        return f'<PolygonSymbolizer fill="{symbol.colour}" fill-opacity="{symbol.opacity:g}"/>'
    width = symbol.width.stops[0][1]
    dash = ""
    if symbol.dash:
        lengths = ",".join(f"{max(1.0, length * max(width, 1.0)):.2f}" for length in symbol.dash)
        dash = f' stroke-dasharray="{lengths}"'
    cap = "round" if symbol.round_ends and not symbol.dash else "butt"
    return (
        f'<LineSymbolizer stroke="{symbol.colour}" stroke-width="{width:.2f}" stroke-linejoin="round" '
        f'stroke-linecap="{cap}" stroke-opacity="{symbol.opacity:g}"{dash}/>'
    )


def _text(caption: Caption) -> str:
    label, ratio = caption.label, caption.ratio
    placement = {"Point": "point", "LineString": "line"}.get(caption.kind, "interior")
    more = ""
    if placement == "line":
        more = ' spacing="400" max-char-angle-delta="25"'
    if caption.beside:
        more = ' horizontal-alignment="right" vertical-alignment="middle"'
    offset = label.offset * ratio + (caption.size / 2 if placement == "point" and label.offset else 0.0)
    return (
        f'<TextSymbolizer fontset-name="labels" size="{caption.size:.1f}" fill="{label.colour}" '
        f'halo-fill="{label.halo}" halo-radius="{label.halo_width * ratio:g}" placement="{placement}" '
        f'dy="{offset:.1f}" margin="{3 * ratio:g}"{more}>[text]</TextSymbolizer>'
    )
