"""What a load says when the database fails under it; found by filling its disk (`make soak`).

What is expected are the server's own words for what the test made happen.
"""

from __future__ import annotations

import re

import pytest

from gis_service import store
from gis_service.errors import NotReady
from gis_service.store.database import in_transaction
from tests.grid_database import GridDatabase
from tests.store.grids import trunk_package


def test_a_full_disk_of_the_database_is_named() -> None:
    """The server itself raises it here, with the words and the code that it has for a full disk."""
    raised = "RAISE 'could not extend file: wrote only 4096 of 8192 bytes' USING ERRCODE = 'disk_full'"
    with (
        pytest.raises(NotReady, match=r"the disk of the database is full .*wrote only 4096"),
        in_transaction() as one,
    ):
        one.execute(f"DO $$ BEGIN {raised}; END $$")


@pytest.mark.parametrize(("table", "replaced"), [("switch_102355", True), ("nothing_like_it", False)])
def test_a_shard_that_is_dropped_already_is_told_from_a_table_that_never_was(
    table: str, replaced: bool
) -> None:
    """Who chose it before it was split can ask again; the server itself says that it is not there."""
    with pytest.raises(NotReady) as told, in_transaction(read_only=True, one_statement=True) as one:
        one.execute(f"SELECT FROM {table}")
    assert isinstance(told.value, store.ShardReplaced) == replaced


def test_a_load_that_loses_its_session_says_so(grid_database: GridDatabase) -> None:
    """And not that the connection is closed already, which cleaning up after it found."""
    ended: list[bool] = []

    def end_the_session(_county: str, _layer: str, _rows: int) -> None:
        if not ended:
            ended.extend(
                one
                for (one,) in grid_database.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND backend_xid IS NOT NULL"
                )
            )

    with pytest.raises(NotReady) as told:
        store.load_package(trunk_package(["450122"], 200), progress=end_the_session)
    assert ended == [True]
    assert re.search("server closed the connection|terminating connection", str(told.value))
    assert store.county_versions() == {}
    assert [one.county_code for one in store.unfinished_loads()] == ["450122"]
