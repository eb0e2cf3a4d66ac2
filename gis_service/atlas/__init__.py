"""The grid as it is drawn: the features of each county as flat arrays, found by box, with their live state.

Stands on the engine's world and knows nothing of pictures, tiles or HTTP.
"""

from __future__ import annotations

from gis_service.atlas.atlas import Atlas
from gis_service.atlas.places import DRAWN as DRAWN_FROM_MEMORY

__all__ = ["DRAWN_FROM_MEMORY", "Atlas"]
