"""Counties read over several connections. Expected: what one connection reads, and what was loaded."""

from __future__ import annotations

import threading
from itertools import cycle

import pytest

from gis_service import store
from gis_service.ingest.package import tables_from_package
from gis_service.store import database
from tests.packages import sound_package
from tests.store.comparing import assert_same_package, assert_same_tables
from tests.store.grids import awkward_package, trunk_package

COUNTIES = ["450122", "450123", "450124"]


@pytest.mark.parametrize("make", [sound_package, awkward_package, lambda: trunk_package(COUNTIES, 400)])
def test_several_connections_read_and_export_what_one_does(
    monkeypatch: pytest.MonkeyPatch, make: object
) -> None:
    assert callable(make)
    store.load_package(make())
    monkeypatch.setattr(database, "READERS", 1)
    tables, versions = store.load_grid()
    package, by_county = store.export_package(), list(store.export_counties())
    assert_same_tables(tables, tables_from_package(make()))
    for readers in (2, 4):
        monkeypatch.setattr(database, "READERS", readers)
        found, at = store.load_grid()
        assert_same_tables(found, tables)
        assert at == versions
        assert_same_package(store.export_package(), package)
        assert list(store.export_counties()) == by_county


def test_no_counties_are_tables_without_rows() -> None:
    tables, versions = store.load_grid()
    assert versions == {}
    assert len(tables.nodes.id) == 0
    assert list(store.export_counties()) == []


def test_a_county_loaded_meanwhile_is_seen_old_or_new_and_never_mixed() -> None:
    """Counties are replaced one after another, while all are read: sizes and names tell which load it was."""
    sizes = {"old": 150, "new": 160}
    expected = {
        (county, mark): tables_from_package(trunk_package([county], size, mark=mark))
        for county in COUNTIES
        for mark, size in sizes.items()
    }
    store.load_package(trunk_package(COUNTIES, sizes["old"], mark="old"))
    done = threading.Event()
    loads: list[str] = []

    def load() -> None:
        for county, mark in zip(
            cycle(COUNTIES), cycle(["new", "new", "new", "old", "old", "old"]), strict=False
        ):
            if done.is_set():
                return
            store.load_package(trunk_package([county], sizes[mark], mark=mark), replace=True)
            loads.append(county)

    loader = threading.Thread(target=load)
    loader.start()
    seen: set[tuple[str, ...]] = set()
    try:
        while len(loads) < 7 and loader.is_alive():
            tables, versions = store.load_tables()
            # every load of a county turns old into new, or new into old
            marks = tuple("old" if versions[county] % 2 else "new" for county in COUNTIES)
            seen.add(marks)
            for column in ("county", "name"):
                found = getattr(tables.lines, column).tolist()
                assert found == [
                    value
                    for county, mark in zip(COUNTIES, marks, strict=True)
                    for value in getattr(expected[county, mark].lines, column).tolist()
                ]
            county = COUNTIES[len(seen) % 3]
            one, version = store.load_county_tables(county)
            whole = expected[county, "old" if version.version % 2 else "new"]
            assert len(one.nodes.xy) == len(whole.nodes.xy)
            assert len(one.customers.xy) == len(whole.customers.xy)
            assert one.lines.coords.tolist() == whole.lines.coords.tolist()
    finally:
        done.set()
        loader.join()
    assert len(loads) >= 7
    assert len(seen) > 2, "the reader hardly saw the loads"
