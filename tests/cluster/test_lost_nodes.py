"""A worker killed or frozen under an engine: what goes on, what is refused, what settles by itself.

What is expected is worked out from the packages, and from what was done before the node went.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from gis_service import store
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.follower import Follower
from gis_service.engine.following.stored import StoredGrid
from gis_service.engine.history import Wanted
from gis_service.engine.recording.loaded import end_restored
from gis_service.engine.recording.operated import Operated
from gis_service.errors import CountyAway, NotReady
from gis_service.ingest.frames import GridPackage
from gis_service.sources import grid_catalog
from gis_service.store.database import node_watch
from layers.filter.tree import Call, Property, Value
from layers.geojson_columns import TextColumn
from layers.source import Query, Unreachable
from sharding.local import DATABASES
from tests.cluster.citus_cluster import CitusCluster, ask
from tests.cluster.test_failures import ALL_THERE, two_counties_apart, wait_until_all_answer
from tests.cluster.test_same_answers import COUNTIES
from tests.store.grids import trunk_package
from tests.store.test_interrupted_loads import wait_for

pytestmark = pytest.mark.citus

WRITE_S = 15.0  # seconds for noticing a frozen node, giving up what waits for it, and a busy machine

Take = Callable[[CitusCluster], AbstractContextManager[None]]


@contextmanager
def killed(cluster: CitusCluster) -> Iterator[None]:
    cluster.kill(2)
    try:
        yield
    finally:
        cluster.revive(2)


@contextmanager
def frozen(cluster: CitusCluster) -> Iterator[None]:
    with cluster.frozen(2):
        yield


@contextmanager
def followed() -> Iterator[Engine]:
    engine = Engine(CurrentWorld(StoredGrid()))
    engine.current.get()
    follower = Follower(engine.current, store.listening, lambda: datetime.now(UTC))
    follower.start()
    try:
        yield engine
    finally:
        follower.stop()


ANY_ID = Call("<>", (Property("id", "string"), Value("", "string")))


def by_node(cluster: CitusCluster) -> tuple[list[str], list[str]]:
    """The counties of each worker."""
    ports = {county: node.port for county, node in node_watch().places(COUNTIES).items()}
    first, second = ([county for county in COUNTIES if ports[county] == cluster.ports[k]] for k in (1, 2))
    return first, second


def toggle(engine: Engine, *switches: tuple[str, bool]) -> dict[str, int]:
    operated = [Operated(f"sw-{county}-0", open_) for county, open_ in switches]
    versions: dict[str, int] = engine.record_operations(operated)["grid_version"]
    return versions


def ids_of(column: object) -> set[str]:
    assert isinstance(column, TextColumn)
    data, offsets = column.data.tobytes(), column.offsets.tolist()
    return {data[a:b].decode() for a, b in pairwise(offsets)}


@pytest.mark.parametrize("take", [killed, frozen])
def test_other_counties_are_answered_and_operated_while_one_worker_is_away(
    cluster: CitusCluster, take: Take
) -> None:
    store.load_package(trunk_package(COUNTIES, 40))
    here, lost = by_node(cluster)
    with followed() as engine:
        toggle(engine, (here[0], True), (lost[0], True))
        with take(cluster):
            began = time.monotonic()
            with pytest.raises(NotReady):
                toggle(engine, (here[0], False), (lost[0], False))
            assert time.monotonic() - began < WRITE_S
            wait_for(lambda: set(store.counties_away(COUNTIES)) == set(lost), 20)

            # what is in memory is whole, also of the counties that are away
            for county in (here[0], lost[0]):
                found = engine.element(f"sw-{county}-0")
                assert (found["open"], found["partial"]) == (True, False)
            # the others go on, in one transaction each
            began = time.monotonic()
            assert toggle(engine, (here[0], False))[here[0]] == 3
            with pytest.raises(CountyAway, match=f"county {lost[0]} cannot be reached"):
                toggle(engine, (lost[0], False))
            assert time.monotonic() - began < WRITE_S
            # what needs the rows names what it lacks
            logged = engine.operations_logged(Wanted(100))
            assert {one["county_code"] for one in logged["operations"]} == {here[0]}
            assert (logged["partial"], logged["missing_counties"]) == (True, sorted(lost))
            with pytest.raises(CountyAway):
                engine.operations_logged(Wanted(100, county=lost[0]))
            catalog = grid_catalog(engine)
            layer = catalog["switch"]
            asked = layer.page(Query(limit=1000, where=ANY_ID))
            assert asked.missing == tuple(sorted(lost))
            assert ids_of(asked.features.ids) == {f"sw-{one}-{k}" for one in here for k in (0, 10, 20, 30)}
            with pytest.raises(Unreachable, match=lost[0]):
                catalog["corridor"].feature("nothing")
            # pages without a condition on what is stored, and single features, are told from memory
            page = layer.page(Query(limit=1000))
            assert page.missing == ()
            assert ids_of(page.features.ids) == {f"sw-{one}-{k}" for one in COUNTIES for k in (0, 10, 20, 30)}
            for county in (here[0], lost[0]):
                assert layer.feature(f"sw-{county}-0") is not None
        wait_until_all_answer()
        assert toggle(engine, (here[0], True), (lost[0], False))[lost[0]] == 3
        assert engine.operations_logged(Wanted(100))["partial"] is False


@pytest.mark.parametrize("take", [killed, frozen])
def test_an_engine_that_starts_with_a_worker_away_serves_the_others_and_picks_its_counties_up(
    cluster: CitusCluster, take: Take
) -> None:
    store.load_package(trunk_package(COUNTIES, 40))
    here, lost = by_node(cluster)

    def is_whole(engine: Engine) -> bool:
        try:
            return engine.element(f"sw-{lost[0]}-0")["partial"] is False
        except CountyAway:
            return False

    with ExitStack() as running:
        with take(cluster):
            store.close_pools()  # as in a process that has just been started
            store.settle_prepared_transactions()
            engine = running.enter_context(followed())
            found = engine.element(f"sw-{here[0]}-0")
            assert (found["partial"], found["missing_counties"]) == (True, sorted(lost))
            assert sorted(found["grid_version"]) == here
            with pytest.raises(CountyAway, match=f"no element has the id 'sw-{lost[0]}-0'"):
                engine.element(f"sw-{lost[0]}-0")
            with pytest.raises(CountyAway):  # what it is joined to is not known
                toggle(engine, (here[0], True))
        wait_for(lambda: is_whole(engine), ALL_THERE)
        toggle(engine, (here[0], True), (lost[0], True))


def test_a_worker_frozen_in_a_write_to_two_costs_no_lock_and_half_of_it_is_never_seen(
    cluster: CitusCluster,
) -> None:
    """Frozen after the rows are written and before any node is asked to prepare."""
    store.load_package(trunk_package(COUNTIES, 40))
    first, second = two_counties_apart(cluster)
    with followed() as engine:
        with cluster.frozen(2):
            began = time.monotonic()
            with pytest.raises(NotReady):
                toggle(engine, (first, True), (second, True))
            wait_for(lambda: second in store.counties_away([second]), 20)
            toggle(engine, (first, True))
            toggle(engine, (first, False))
            assert time.monotonic() - began < 3 * WRITE_S
        wait_until_all_answer()
        assert [one.switch_id for one in store.operations_between(counties=[second])] == []
        toggle(engine, (first, True), (second, True))
        assert len(store.operations_between()) == 4
        assert ask(cluster.nodes[2].dsn(DATABASES["engine"]), "SELECT gid FROM pg_prepared_xacts") == []


def test_what_is_decided_and_not_carried_out_on_its_node_is_known_and_its_rows_are_not_read(
    cluster: CitusCluster,
) -> None:
    """As between the coordinator's commit and that of a node which went: the register alone has it."""
    store.load_package(trunk_package(COUNTIES, 40))
    first, _ = two_counties_apart(cluster)
    engine = Engine(CurrentWorld(StoredGrid()))
    assert engine.element(f"sw-{first}-0")["open"] is False
    cluster.ask(
        "UPDATE county_register SET version = 2, last_operation = 1, recent = %s WHERE county_code = %s",
        f'[[0, 1, {{"sw-{first}-0": true}}]]',
        first,
    )
    found = engine.element(f"sw-{first}-0")
    assert (found["open"], found["grid_version"][first], found["partial"]) == (True, 2, False)
    with pytest.raises(NotReady, match=f"a write of county {first} is not carried out on its node yet"):
        store.load_tables([first])


def test_a_write_that_its_node_has_and_the_register_has_not_is_entered_before_the_next_one(
    cluster: CitusCluster,
) -> None:
    """As when the coordinator dies just after it told the only node of a write to commit."""
    store.load_package(trunk_package(COUNTIES, 40))
    engine = Engine(CurrentWorld(StoredGrid()))
    engine.current.get()
    first, _ = two_counties_apart(cluster)
    toggle(engine, (first, True))
    cluster.ask(
        "UPDATE county_register SET version = 1, last_operation = 0, recent = '[]', operated_until = NULL"
        " WHERE county_code = %s",
        first,
    )
    assert store.county_versions()[first].version == 1
    other = Engine(CurrentWorld(StoredGrid()))
    assert toggle(other, (first, False))[first] == 3
    assert toggle(engine, (first, True))[first] == 4
    assert [one.open for one in store.operations_between(counties=[first])] == [True, False, True]


def test_a_county_is_replaced_while_another_worker_is_away_unless_it_brings_new_ids(
    cluster: CitusCluster,
) -> None:
    store.load_package(trunk_package(COUNTIES, 40))
    here, lost = by_node(cluster)

    def replace(package: GridPackage) -> int:
        with_stored = store.StoredIds()
        (done,) = store.load_package(package, replace=True, stored=with_stored, on_loaded=end_restored)
        return done.version

    with killed(cluster):
        wait_for(lambda: set(store.counties_away(COUNTIES)) == set(lost), 20)
        assert replace(trunk_package(here[:1], 40)) == 2
        with pytest.raises(CountyAway, match=f"county {lost[0]} cannot be reached"):
            replace(trunk_package(lost[:1], 40))
        ids = [f"{here[0]}-{k}" for k in range(45)]
        with pytest.raises(CountyAway, match="cannot be reached"):  # are the five new ones theirs?
            store.StoredIds().owners("connectivity_node", ids, outside=here[:1])
        assert store.StoredIds().owners("connectivity_node", ids[:40], outside=here[:1]) == {}
    wait_until_all_answer()
    assert replace(trunk_package(lost[:1], 40)) == 2
    assert store.unfinished_loads() == []


def test_a_county_loaded_meanwhile_takes_none_of_those_that_are_away_out_of_memory(
    cluster: CitusCluster, tmp_path: Path
) -> None:
    """They come from their snapshots, their switches from the world that was held."""
    store.load_package(trunk_package(COUNTIES, 40))
    here, lost = by_node(cluster)
    engine = Engine(CurrentWorld(StoredGrid(tmp_path)))
    engine.current.get()
    toggle(engine, (lost[0], True))
    with killed(cluster):
        wait_for(lambda: set(store.counties_away(COUNTIES)) == set(lost), 20)
        store.load_package(trunk_package(here[:1], 40), replace=True, on_loaded=end_restored)
        found = engine.element(f"sw-{lost[0]}-0")
        assert (found["open"], found["partial"], found["grid_version"][here[0]]) == (True, False, 2)
    wait_until_all_answer()
