"""The grid as it is drawn: the features of each county as flat arrays, found by box, with their live state.

Stands on the engine's world and knows nothing of pictures, tiles or HTTP.
"""

from __future__ import annotations

from gis_service.atlas.atlas import Atlas

__all__ = ["DRAWN_FROM_MEMORY", "Atlas"]

DRAWN_FROM_MEMORY = ("substation", "line_section", "switch", "power_transformer", "customer_point")
"""Layers of which the engine's tables hold the places."""
