"""The same work on one PostGIS server and on three Citus nodes gives the same answers.

The plain server is the oracle; it is tested on its own in tests/store.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gis_service import store
from gis_service.errors import Conflict, GridError
from gis_service.ingest.package import GridPackage, tables_from_package
from gis_service.store import NewInterruption, NewOperation
from tests.cluster.citus_cluster import CitusCluster, stored_in
from tests.grid_database import GridDatabase
from tests.packages import sound_package
from tests.store.comparing import assert_same_package, assert_same_tables
from tests.store.grids import awkward_package, trunk_package

pytestmark = pytest.mark.citus

COUNTIES = ["450122", "450123", "450124", "450125", "450126", "450127"]
PACKAGES: dict[str, Callable[[], GridPackage]] = {
    "small": sound_package,
    "awkward": awkward_package,
    "six trunks": lambda: trunk_package(COUNTIES, 300),
}


def at(minute: int) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=minute)


@pytest.mark.parametrize("make", PACKAGES.values(), ids=PACKAGES)
def test_a_package_comes_out_of_the_cluster_as_it_went_in(
    cluster: CitusCluster, make: Callable[[], GridPackage]
) -> None:
    package = make()
    store.load_package(package)
    tables, versions = store.load_tables()
    assert_same_tables(tables, tables_from_package(package))
    assert versions == dict.fromkeys(sorted(package.counties), 1)
    assert_same_package(store.export_package(), package)
    store.load_package(package, replace=True)
    assert_same_tables(store.load_tables()[0], tables_from_package(package))


def test_a_whole_story_reads_the_same_on_both(grid_database: GridDatabase, cluster: CitusCluster) -> None:
    on_the_cluster = story()
    with stored_in(grid_database.dsn):
        on_one_server = story()
    assert len(on_one_server) == len(on_the_cluster)
    for chapter, (expected, found) in enumerate(zip(on_one_server, on_the_cluster, strict=True)):
        assert found == expected, f"chapter {chapter}"


def story() -> list[Any]:
    """Loads, refusals, operations, late ones, intervals, a replace and an unload; what each left behind."""
    told: list[Any] = []

    def tell(*more: object) -> None:
        states = [store.current_switches(), *(store.switch_states_at(at(minute)) for minute in (0, 5, 9, 40))]
        told.append(
            (
                more,
                {code: (one.version, one.topology_version) for code, one in store.county_versions().items()},
                [(one.county.tolist(), one.id.tolist(), one.open.tolist()) for one in states],
                store.operations_between(),
                store.interruptions(),
                store.customers_interrupted_at(at(7)),
                {name: len(frame) for name, frame in store.export_package().layers.items()},
            )
        )

    store.load_package(trunk_package(COUNTIES, 40), at=at(0))
    tell()
    store.load_package(sound_package(), stored=store.StoredIds(), at=at(1))
    tell(store.StoredIds().owners("connectivity_node", ["n1", "n4", "450122-0"], outside=["0801"]))
    tell(refusal(lambda: store.load_package(sound_package())), refusal(lambda: store.unload_county("0802")))

    with store.transaction() as write:
        write.lock_counties(COUNTIES)
        sent = [
            NewOperation(code, f"sw-{code}-10", True, at(5), at(6), "storm", "ann", code) for code in COUNTIES
        ]
        done = write.append_operations(sent)
        write.set_open((code, f"sw-{code}-10", True) for code in COUNTIES)
        write.open_interruptions([(code, f"c-{code}-20") for code in COUNTIES], at(5), cause=(COUNTIES[0], 1))
        tell_versions = write.bump(COUNTIES, at(6))
    tell(done, tell_versions)
    with store.transaction() as write:
        write.append_operations([NewOperation(COUNTIES[1], f"sw-{COUNTIES[1]}-10", False, at(8), at(30))])
        found = write.find_by_idempotency_key(COUNTIES[:2])
        replayed = write.operations_from(at(5), COUNTIES[:3])
        write.close_interruptions([(COUNTIES[1], f"c-{COUNTIES[1]}-20")], at(8))
        rows = [NewInterruption(COUNTIES[2], f"c-{COUNTIES[2]}-20", at(6), at(20))]
        write.replace_interruptions_from(at(6), rows, counties=[COUNTIES[2], COUNTIES[3]])
        write.set_interrupted([COUNTIES[4]], [(COUNTIES[4], f"c-{COUNTIES[4]}-0")], at(9))
    tell(sorted(found.items()), replayed)
    tell(refusal(overlapping_key))
    store.load_package(trunk_package(COUNTIES[:2], 15), replace=True, keep_switching=True, at=at(30))
    tell()
    store.unload_counties([COUNTIES[5]], at=at(35))
    tell(store.operations_between(counties=[COUNTIES[5]]))
    return told


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(GridError) as refused:
        work()
    return str(refused.value)


def overlapping_key() -> None:
    """A key taken twice; the message names the shard's constraint, so only the fact is compared."""
    try:
        with store.transaction() as write:
            one = NewOperation(
                COUNTIES[0], f"sw-{COUNTIES[0]}-0", True, at(9), at(9), idempotency_key=COUNTIES[0]
            )
            write.append_operations([one])
    except Conflict as error:
        raise Conflict("the key is taken") from error
