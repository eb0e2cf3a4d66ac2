"""GetMap: the picture of some layers, laid on its ground, encoded, and what could not be read said in it."""

from __future__ import annotations

from dataclasses import dataclass

from layers.raster import JPEG, draw, encoded
from layers.raster.room import ROOM
from layers.source import Counties
from layers.style import Cartography
from layers.wms.asking import MapAsked
from layers.wms.notices import notice


@dataclass(frozen=True)
class MapMade:
    """A map's file, and the counties that are not in it because they could not be read."""

    body: bytes
    type: str
    missing: tuple[str, ...]


def make_map(asked: MapAsked, cartography: Cartography, counties: Counties, *, warned: bool) -> MapMade:
    """The map that was asked for; `warned`: what is missing is said in the picture as well.

    Raises
    ------
    Unreachable
        When too many large maps are drawn already.
    """
    with ROOM.taken(asked.frame.width * asked.frame.height):
        return _made(asked, cartography, counties, warned=warned)


def _made(asked: MapAsked, cartography: Cartography, counties: Counties, *, warned: bool) -> MapMade:
    picture = draw(asked.frame, asked.layers, cartography, moment=asked.moment, counties=counties)
    pixels = picture.pixels
    ground = asked.ground if not asked.transparent or asked.format == JPEG else None
    if picture.missing and warned:
        named = ", ".join(picture.missing[:12]) + (" …" if len(picture.missing) > 12 else "")
        pixels = notice(pixels, f"Incomplete: county {named} cannot be read now")
    return MapMade(encoded(pixels, asked.format, ground), asked.format, picture.missing)
