from __future__ import annotations

import pytest

from tests.grid_database import grid_database, migrated_database

__all__ = ["grid_database", "migrated_database"]


@pytest.fixture(autouse=True)
def _empty_grid(grid_database: object) -> None:
    """Every test of the store begins with an empty grid."""
