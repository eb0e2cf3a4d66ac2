"""A replica over a cluster: announcements reach it through the coordinator, wherever the county's shard lies.

The switches that stand open are those that the operations of the test leave open.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from gis_service import store
from gis_service.engine.context import Context
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.follower import Follower
from gis_service.engine.following.stored import StoredGrid
from gis_service.engine.recording.operated import Operated
from gis_service.engine.world import World
from tests.cluster.citus_cluster import CitusCluster
from tests.cluster.test_failures import two_counties_apart
from tests.cluster.test_same_answers import COUNTIES
from tests.store.grids import trunk_package

pytestmark = pytest.mark.citus


def open_switches(world: World) -> set[str]:
    return set(world.topology.tables.switches.id[world.current.open].tolist())


def test_a_replica_follows_operations_and_loads_of_counties_on_several_nodes(cluster: CitusCluster) -> None:
    store.load_package(trunk_package(COUNTIES, 40))
    first, second = two_counties_apart(cluster)
    writer = Engine(CurrentWorld(StoredGrid()))
    replica = Engine(CurrentWorld(StoredGrid()))
    at_first = open_switches(replica.current.get())
    follower = Follower(replica.current, store.listening, lambda: datetime.now(UTC), poll_s=30)
    follower.start()
    try:
        operated = {f"sw-{first}-0", f"sw-{second}-0"}
        assert not operated & at_first
        done = writer.record_operations([Operated(id, True) for id in sorted(operated)])
        deadline = time.monotonic() + 15  # long before the next poll: by announcement
        while open_switches(replica.current.get()) != at_first | operated:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert replica.current.get().grid_version == done["grid_version"]
        done = writer.record_operations([Operated(f"sw-{second}-0", False)])
        world = replica.scene(Context(at_least=done["grid_version"])).world
        assert open_switches(world) == at_first | {f"sw-{first}-0"}
        store.load_package(trunk_package([second], 50), replace=True)
        wanted = {second: done["grid_version"][second] + 1}
        world = replica.scene(Context(at_least=wanted)).world
        assert (world.topology.tables.nodes.county == second).sum() == 50
    finally:
        follower.stop()
