"""GetLegendGraphic (OGC 05-078r4, 12): the legend of one layer in one style."""

from __future__ import annotations

from dataclasses import dataclass

from layers.catalog import Catalog
from layers.raster import JPEG, PNG, PNG8, encoded, on_ground
from layers.raster.legends import entries, legend, legend_size
from layers.style import Cartography, Style
from layers.wms.asking import Given, format_asked, layers_asked, number_asked, scale_asked
from layers.wms.faults import ServiceFault

FORMATS = (PNG, PNG8, JPEG)
SIGN_WIDTH, SIGN_HEIGHT = 30, 20
_WIDEST = 200


@dataclass(frozen=True)
class LegendMade:
    """A legend's file."""

    body: bytes
    type: str


def size_of(style: Style, cartography: Cartography) -> tuple[int, int]:
    """Pixels of a style's whole legend."""
    return legend_size(entries(style, cartography), SIGN_WIDTH, SIGN_HEIGHT)


def make_legend(given: Given, catalog: Catalog, cartography: Cartography) -> LegendMade:
    """The legend that was asked for.

    Raises
    ------
    ServiceFault
        For the first parameter that cannot be.
    """
    if "," in given.need("LAYER"):
        raise ServiceFault("LAYER: a legend is of one layer; ask for each", "LayerNotDefined", "LAYER")
    named = Given({**given, "STYLES": given.get("STYLE", "")})
    _, layers = layers_asked(named, catalog, cartography, "LAYER")
    format = format_asked(Given({"FORMAT": PNG, **given}), FORMATS)
    scale = scale_asked(given)
    width = number_asked(given, "WIDTH", SIGN_WIDTH, _WIDEST)
    height = number_asked(given, "HEIGHT", SIGN_HEIGHT, _WIDEST)
    listed = [entry for layer in layers for entry in entries(layer.style, cartography, scale)]
    pixels = legend(list(dict.fromkeys(listed)), cartography, max(width, 8), max(height, 12))
    if format == JPEG or given.get("TRANSPARENT", "").upper() != "TRUE":
        pixels = on_ground(pixels, (255, 255, 255))
    return LegendMade(encoded(pixels, format), format)
