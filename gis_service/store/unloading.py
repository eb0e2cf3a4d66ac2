"""Counties out of the database for good; what happened in them stays on record."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from gis_service.store.county_rows import stored_ids_by_layer, take_out
from gis_service.store.database import LONG_DEADLINE_S, in_transaction, rely_on_all_nodes
from gis_service.store.locks import hold_for_loading, write_locks
from gis_service.store.record import GridTransaction
from gis_service.store.refusals import refuse_dangling
from gis_service.store.steady import hold_counties
from gis_service.store.versions import raise_version, require_loaded
from sharding.distribute import one_node_at_a_time


def unload_county(county: str, *, at: datetime | None = None) -> None:
    """Take one county out of the database; see `unload_counties`."""
    unload_counties([county], at=at)


def unload_counties(counties: Collection[str], *, at: datetime | None = None) -> None:
    """Take counties out of the database, all or none; switch logs and interruptions stay on record.

    Raises
    ------
    UnknownId
        One of them is not loaded.
    Conflict
        Elements of other counties refer to them.
    """
    at = at or datetime.now(UTC)
    leaving = sorted(set(counties))
    with (
        hold_for_loading(leaving),
        write_locks() as locks,
        in_transaction(deadline_s=LONG_DEADLINE_S) as cursor,
    ):
        one_node_at_a_time(cursor)
        rely_on_all_nodes(cursor)
        locks.commits_of_loads(cursor)
        locks.counties(cursor, leaving)
        require_loaded(cursor, leaving)
        hold_counties(cursor, leaving)
        for county in leaving:
            refuse_dangling(cursor, stored_ids_by_layer(cursor, county), leaving, "unloaded")
        for county in leaving:
            take_out(cursor, county)
            cursor.execute("DELETE FROM county WHERE code = %s", [county])
            GridTransaction(cursor, locks).end_interruptions_of_absent(county, at)
            raise_version(cursor, county, at, topology=True, loaded=False)
