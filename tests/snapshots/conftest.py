from __future__ import annotations

from tests.grid_database import grid_database, migrated_database

__all__ = ["grid_database", "migrated_database"]
