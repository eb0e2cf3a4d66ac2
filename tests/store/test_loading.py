"""Loading, replacing and unloading: whole or not at all. What is expected follows from the small package.

G1 ─ n1 ─[B1]─ n2 ── L1 ── n3 ── L2 ──┊── n4 ─(X1)─ n5 ─ C1, C2      D1: the district of X1
0801                                   ┊   0802
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial

import pytest

from gis_service import store
from gis_service.errors import Conflict, InvalidInput, UnknownId
from gis_service.ingest.package import GridPackage, tables_from_package
from gis_service.ingest.validate import validate
from gis_service.store.locks import hold_for_loading
from tests.grid_database import GridDatabase
from tests.packages import put, sound_frames, sound_package
from tests.store.comparing import assert_same_package, assert_same_tables
from tests.store.grids import trunk_package

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def only(package: GridPackage, county: str) -> GridPackage:
    """One county of a package as a package of its own."""
    frames = {
        name: frame[frame["code" if name == "county" else "county_code"] == county]
        for name, frame in package.layers.items()
    }
    return GridPackage.of(frames)


def east_without_n4() -> GridPackage:
    """The eastern county, its border node renamed: the western L2 would end nowhere."""
    frames = sound_frames()
    put(frames, "connectivity_node", 3, "id", "n4-new")
    put(frames, "power_transformer", 0, "from_node", "n4-new")
    return only(GridPackage.of(frames), "0802")


def assert_unchanged(versions: dict[str, int]) -> None:
    tables, now = store.load_tables()
    assert now == versions
    assert_same_tables(tables, tables_from_package(sound_package()))


def test_a_loaded_county_is_refused_naming_replace_and_both_stay_as_they_were() -> None:
    store.load_package(sound_package())
    with pytest.raises(Conflict, match="counties 0801, 0802 are already loaded: use --replace"):
        store.load_package(sound_package())
    assert_unchanged({"0801": 1, "0802": 1})


def test_a_package_with_one_loaded_county_is_refused_before_the_other_is_loaded() -> None:
    store.load_package(only(sound_package(), "0801"))
    with pytest.raises(Conflict, match="county 0801 is already loaded"):
        store.load_package(sound_package())
    assert list(store.county_versions()) == ["0801"]


def test_replace_raises_both_versions_of_that_county_alone() -> None:
    store.load_package(sound_package(), at=NOON)
    later = NOON.replace(hour=13)
    done = store.load_package(only(sound_package(), "0802"), replace=True, at=later)
    assert [(one.county, one.version, one.replaced) for one in done] == [("0802", 2, True)]
    west, east = store.county_versions().values()
    assert (west.version, west.topology_version, west.loaded_at) == (1, 1, NOON)
    assert (east.version, east.topology_version, east.loaded_at, east.changed_at) == (2, 2, later, later)
    assert_same_package(store.export_package(), sound_package())


def test_a_replace_that_leaves_another_county_dangling_is_refused_with_the_ids() -> None:
    store.load_package(sound_package())
    with pytest.raises(Conflict, match=r"line_section 'L2' of county 0801 has to_node 'n4'"):
        store.load_package(east_without_n4(), replace=True)
    assert_unchanged({"0801": 1, "0802": 1})


def test_the_same_replace_is_accepted_when_the_other_county_comes_along() -> None:
    store.load_package(sound_package())
    frames = sound_frames()
    put(frames, "connectivity_node", 3, "id", "n4-new")
    put(frames, "power_transformer", 0, "from_node", "n4-new")
    put(frames, "line_section", 1, "to_node", "n4-new")
    store.load_package(GridPackage.of(frames), replace=True)
    assert_same_package(store.export_package(), GridPackage.of(frames))


def test_a_county_others_refer_to_cannot_be_unloaded() -> None:
    store.load_package(sound_package())
    with pytest.raises(Conflict, match=r"unloaded, because .* 'L2' of county 0801"):
        store.unload_county("0802")
    assert_unchanged({"0801": 1, "0802": 1})


def test_unloading_takes_everything_and_a_later_load_goes_on_counting(grid_database: GridDatabase) -> None:
    store.load_package(sound_package())
    store.unload_county("0801")
    assert list(store.county_versions()) == ["0802"]
    assert_same_package(store.export_package(), only(sound_package(), "0802"))
    assert grid_database.query("SELECT code FROM county") == [("0802",)]
    store.load_package(only(sound_package(), "0801"))
    assert store.county_versions()["0801"].version == 3  # loaded 1, unloaded 2
    with pytest.raises(UnknownId, match="'0999'"):
        store.unload_county("0999")


def test_many_ids_that_vanish_are_found_too() -> None:
    """More ids than stand in a query: the temporary table's way to the same answer."""
    west, east = trunk_package(["0811", "0812"], 3000), "0812"
    frames = dict(west.layers)
    frames["line_section"] = frames["line_section"].copy()
    put(frames, "line_section", 7, "to_node", "0812-2999")
    store.load_package(GridPackage.of(frames))
    with pytest.raises(
        Conflict, match="line_section 'l-0811-8' of county 0811 has to_node '0812-2999'"
    ) as refused:
        store.unload_county(east)
    assert "more" not in str(refused.value)


def test_stored_ids_are_the_neighbours_alone() -> None:
    store.load_package(sound_package())
    stored = store.StoredIds()
    asked = ["n1", "n4", "n9"]
    assert stored.owners("connectivity_node", asked, outside=[]) == {"n1": "0801", "n4": "0802"}
    assert stored.owners("connectivity_node", asked, outside=["0801"]) == {"n4": "0802"}
    assert stored.owners("line_section", asked, outside=[]) == {}
    many = [*asked, *(f"x{k}" for k in range(5000))]
    assert stored.owners("connectivity_node", many, outside=["0801"]) == {"n4": "0802"}
    assert stored.owners("connectivity_node", ["n1", "n\0"], outside=[]) == {"n1": "0801"}
    assert stored.owners("connectivity_node", ["n\0"], outside=[]) == {}


def test_validation_against_the_store_knows_duplicates_and_border_nodes() -> None:
    store.load_package(sound_package())
    assert validate(only(sound_package(), "0801"), stored=store.StoredIds()) == []  # n4 is stored in 0802
    frames = sound_frames()
    put(frames, "county", 0, "code", "0803")
    for name, frame in frames.items():
        if name != "county":
            frame["county_code"] = "0803"
    newcomer = only(GridPackage.of(frames), "0803")
    said = [str(fault) for fault in validate(newcomer, stored=store.StoredIds())]
    assert any("n1" in one and "0801" in one for one in said)


def test_a_load_checked_before_another_load_is_refused() -> None:
    stored = store.StoredIds()
    store.load_package(only(sound_package(), "0802"))
    with pytest.raises(Conflict, match="county 0802 was loaded meanwhile: start again"):
        store.load_package(only(sound_package(), "0801"), stored=stored)
    assert list(store.county_versions()) == ["0802"]


def test_a_county_that_is_being_loaded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gis_service.store.loading.hold_for_loading", partial(hold_for_loading, patience_s=1))
    store.load_package(sound_package())
    being_loaded = pytest.raises(Conflict, match="county 0801 is being loaded by another process")
    with hold_for_loading(["0801"]), being_loaded:
        store.load_package(sound_package(), replace=True)
    assert_unchanged({"0801": 1, "0802": 1})
    store.load_package(sound_package(), replace=True)  # free again


def test_what_the_database_cannot_hold_is_bad_input_and_changes_nothing() -> None:
    store.load_package(sound_package())
    frames = sound_frames()
    frames["customer_point"]["customer_class"] = (
        "pirate"  # validation would have said so; the database does too
    )
    with pytest.raises(InvalidInput, match="customer_point_customer_class"):
        store.load_package(GridPackage.of(frames), replace=True)
    frames = sound_frames()
    put(frames, "line_section", 0, "name", "a\0b")
    with pytest.raises(InvalidInput, match="cannot hold"):
        store.load_package(GridPackage.of(frames), replace=True)
    versions = store.load_tables()[1]
    assert versions["0801"] in (1, 2)  # the first county may have been replaced by the same rows
    assert_unchanged(versions)


def test_a_failing_hook_undoes_the_county() -> None:
    store.load_package(sound_package())

    def fail(write: store.GridTransaction, counties: Collection[str]) -> None:
        write.bump(["0801", "0802"], NOON)
        raise Conflict("not now")

    with pytest.raises(Conflict, match="not now"):
        store.load_county(east_with_another_customer(), "0802", replace=True, on_loaded=fail)
    assert_unchanged({"0801": 1, "0802": 1})


def east_with_another_customer() -> GridPackage:
    frames = sound_frames()
    put(frames, "customer_point", 1, "id", "C3")
    return GridPackage.of(frames)


def test_the_hook_sees_the_new_county_and_runs_once_with_all_of_them() -> None:
    seen = []

    def note(write: store.GridTransaction, counties: Collection[str]) -> None:
        states = write.switch_states_at(NOON)
        seen.append((sorted(counties), states.id.tolist(), states.open.tolist()))

    store.load_package(sound_package(), on_loaded=note)
    assert seen == [(["0801", "0802"], ["B1"], [False])]


def test_one_county_of_a_package_leaves_the_others_alone() -> None:
    store.load_package(sound_package())
    done = store.load_county(east_with_another_customer(), "0802", replace=True)
    assert done.county == "0802"
    assert store.load_tables()[1] == {"0801": 1, "0802": 2}
    assert store.load_tables(["0802"])[0].customers.id.tolist() == ["C1", "C3"]
    with pytest.raises(UnknownId, match="'0999'"):
        store.load_county(sound_package(), "0999")


@pytest.mark.parametrize(("keep", "expected"), [(True, True), (False, False)])
def test_keep_switching_decides_whose_state_stays(keep: bool, expected: bool) -> None:
    store.load_package(sound_package())
    with store.transaction() as write:
        write.set_open([("0801", "B1", True)])
    store.load_package(sound_package(), replace=True, keep_switching=keep)
    assert store.current_switches().open.tolist() == [expected]
    assert store.switch_states_at(datetime.now(UTC)).open.tolist() == [expected]


def test_progress_adds_up_to_the_rows() -> None:
    told = []
    done = store.load_package(
        sound_package(), progress=lambda county, step, rows: told.append((county, rows))
    )
    for one in done:
        assert sum(rows for county, rows in told if county == one.county) == sum(one.rows.values())


def test_a_rehearsal_refuses_the_same_and_changes_nothing() -> None:
    store.rehearse_load(sound_package())
    assert store.county_versions() == {}
    store.load_package(sound_package())
    with pytest.raises(Conflict, match="--replace"):
        store.rehearse_load(sound_package())
    with pytest.raises(Conflict, match="'L2'"):
        store.rehearse_load(east_without_n4(), replace=True)
    store.rehearse_load(sound_package(), replace=True)
    assert_unchanged({"0801": 1, "0802": 1})
