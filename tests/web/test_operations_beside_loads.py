"""Operations recorded while counties are loaded; found by killing databases under both (`make soak`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gis_service import store
from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.stored import StoredGrid
from gis_service.engine.recording.operated import Operated
from gis_service.ingest.package import tables_from_package
from tests.drawn import drawn_package
from tests.grid_database import GridDatabase
from tests.oracles import replay
from tests.store.grids import trunk_package


def test_a_county_loaded_for_the_first_time_in_the_middle_of_a_late_operation_is_no_obstacle(
    grid_database: GridDatabase,
) -> None:
    """The clock is read when all counties are locked, so it is there that the new county comes."""
    store.load_package(drawn_package())
    now = [datetime.now(UTC)]
    arriving = [trunk_package(["450990"], 40)]

    def clock() -> datetime:
        if len(now) > 1 and arriving:
            store.load_package(arriving.pop())
        return now[-1]

    engine = Engine(CurrentWorld(StoredGrid()), clock=clock)
    engine.record_operations([Operated("SW2", open=True)])
    now.append(now[0] + timedelta(minutes=1))
    late = now[0] - timedelta(minutes=5)
    engine.record_operations([Operated("CB2", open=True, at=late)])

    assert not arriving
    done = [replay.Done("SW2", True, now[0]), replay.Done("CB2", True, late)]
    found = {(one.customer_id, one.began, one.ended) for one in store.interruptions()}
    assert found == replay.interruptions(tables_from_package(drawn_package()), done)
    assert set(engine.scene().world.versions) == {"450101", "450102", "450990"}
