from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _empty_grid(grid_database: object) -> None:
    """Every test of the store begins with an empty grid."""
