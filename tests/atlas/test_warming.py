"""Warming up looks at whatever grid there is, and keeps nothing of it."""

from __future__ import annotations

import pytest

from gis_service.atlas.warming import warm_atlas
from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN


@pytest.mark.parametrize("text", [DRAWN, "S source n1", ""])
def test_any_grid_warms_up(text: str) -> None:
    engine = Engine(CurrentWorld(HeldTables(parse_grid(text))))
    before = engine.current.get()
    warm_atlas(engine)
    assert engine.current.get() is before
