"""The layers of a WMTS, the one that holds all others first; which style of which is asked for."""

from __future__ import annotations

from typing import NamedTuple

from layers.catalog import Catalog
from layers.raster import Drawn
from layers.sheet import Drawable
from layers.style import Cartography
from layers.tiles.parameters import drawables
from layers.tiles.pictures import in_default_styles
from layers.wms.asking import ROOT
from layers.wmts.faults import ServiceFault


class Offer(NamedTuple):
    """A layer as it is offered: styles by name with their titles, the first being the default."""

    id: str
    title: str
    description: str
    styles: dict[str, str]
    sources: tuple[Drawable, ...]


def offers(catalog: Catalog, cartography: Cartography) -> list[Offer]:
    """All layers that are offered."""
    sources = drawables(catalog)
    whole = Offer(ROOT, "The grid", "All layers over one another.", {"default": "Default"}, sources)
    return [whole, *(_offer(source, cartography) for source in sources)]


def _offer(source: Drawable, cartography: Cartography) -> Offer:
    told = source.description
    styles = {style.name: style.title for style in cartography.styles(told.id, told.geometry)}
    return Offer(told.id, told.title, told.description, styles, (source,))


def drawn(catalog: Catalog, cartography: Cartography, layer: str, style: str) -> tuple[Drawn, ...]:
    """A layer in a style; an empty one is the default.

    Raises
    ------
    ServiceFault
        For a layer or style that is not offered.
    """
    known = {one.id: one for one in offers(catalog, cartography)}
    if layer not in known:
        raise ServiceFault(
            f"LAYER: no layer is called {layer[:40]!r}; there are {', '.join(known)}",
            "InvalidParameterValue",
            "LAYER",
        )
    offer = known[layer]
    if style and style not in offer.styles:
        raise ServiceFault(
            f"STYLE: the layer {layer} has no style {style[:40]!r}; it has {', '.join(offer.styles)}",
            "InvalidParameterValue",
            "STYLE",
        )
    if layer == ROOT:
        return in_default_styles(offer.sources, cartography)
    (source,) = offer.sources
    styles = cartography.styles(layer, source.description.geometry)
    return (Drawn(source, next(one for one in styles if one.name == (style or styles[0].name))),)
