"""Cartography as data: how each layer is drawn at each scale, for pictures, legends and style documents."""

from layers.style.model import Cartography, Style
from layers.style.reading import BadStyle, cartography

__all__ = ["BadStyle", "Cartography", "Style", "cartography"]
