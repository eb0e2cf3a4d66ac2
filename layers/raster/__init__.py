"""Pictures of layers: flat arrays onto pixels, drawn by Mapnik and compiled code."""

from layers.raster.drawing import Drawn, Picture, draw
from layers.raster.encoding import JPEG, PNG, PNG8, encoded, on_ground
from layers.raster.frame import Frame

__all__ = ["JPEG", "PNG", "PNG8", "Drawn", "Frame", "Picture", "draw", "encoded", "on_ground"]
