"""Sessions that copy into the same tables take turns; what happened is told by who was inside when."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import psycopg2
import pyarrow as pa
import pytest
from psycopg2 import sql

from gis_service import store
from gis_service.ingest.package import tables_from_package
from gis_service.store import county_rows, loading
from gis_service.store.schema import ELEMENT_LAYERS
from gis_service.store.table_turns import Turns
from sharding.copy import copy_in
from tests.store.comparing import assert_same_tables
from tests.store.grids import trunk_package

COUNTIES = ["450122", "450123", "450124", "450125"]


class Copies:
    """When each COPY began and ended, by table and by session, really copied."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, float, float]] = []
        self._really = copy_in

    def __call__(self, cursor: psycopg2.extensions.cursor, table: sql.Composable, rows: pa.Table) -> None:
        began = time.monotonic()
        self._really(cursor, table, rows)
        time.sleep(0.005)  # so that they would meet in a table
        name = table.as_string(cursor).strip('"')
        self.seen.append((name, cursor.connection.info.backend_pid, began, time.monotonic()))

    def met(self, *, in_one_table: bool) -> int:
        """How many pairs of copies of different sessions were under way at the same moment."""
        return sum(
            (one[0] == other[0]) == in_one_table
            and one[1] != other[1]
            and one[2] < other[3]
            and other[2] < one[3]
            for number, one in enumerate(self.seen)
            for other in self.seen[:number]
        )


def test_two_sessions_load_side_by_side_and_never_into_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_MANY", 1)
    copies = Copies()
    monkeypatch.setattr(county_rows, "copy_in", copies)
    package = trunk_package(COUNTIES, 300)
    done = store.load_package(package)
    assert len({session for _, session, _, _ in copies.seen}) == 2
    assert copies.met(in_one_table=True) == 0
    assert copies.met(in_one_table=False) > 0
    assert [list(one.rows) for one in done] == [[layer.name for layer in ELEMENT_LAYERS]] * 4
    assert_same_tables(store.load_tables()[0], tables_from_package(package))


def test_the_first_free_table_is_taken_and_the_first_of_all_is_waited_for() -> None:
    turns = Turns()
    taken: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def wait_for_any(tables: Sequence[str]) -> None:
        with turns.first_free(tables) as name:
            taken.append(name)

    def hold() -> None:
        with turns.first_free(["switch", "line"]):
            inside.set()
            assert leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(10)
    wait_for_any(["switch", "line"])
    assert taken == ["line"]
    waiting = threading.Thread(target=wait_for_any, args=(["switch"],))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    leave.set()
    waiting.join(10)
    holder.join(10)
    assert taken == ["line", "switch"]


def test_a_table_is_free_again_after_a_failure() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.first_free(["line"]):
        raise ZeroDivisionError
    with turns.first_free(["line"]) as name:
        assert name == "line"
