from __future__ import annotations

from tests.grid_database import grid_database, migrated_database
from tests.live import drawn_engine, live_engine, shared_engine, still_engine

__all__ = [
    "drawn_engine",
    "grid_database",
    "live_engine",
    "migrated_database",
    "shared_engine",
    "still_engine",
]
