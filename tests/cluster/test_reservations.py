"""Reservations over a cluster: two engines, two counties on two nodes, and nodes that go away.

What fits is told from the drawing in `tests/reserving.py` by adding up, as on plain PostGIS.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from gis_service import store
from gis_service.store.database import in_transaction
from sharding.placement import placements
from tests.cluster.citus_cluster import CitusCluster
from tests.live import LiveEngine, load, running_engine
from tests.reserving import NORTH, SOUTH, fitting, package, reserve

pytestmark = pytest.mark.citus


@pytest.fixture
def engines(cluster: CitusCluster, tmp_path: Path) -> Iterator[list[LiveEngine]]:
    """Two over the cluster with the grid loaded."""
    load(package())
    with (
        running_engine(cluster.dsn, tmp_path, name="one") as one,
        running_engine(cluster.dsn, tmp_path, name="other") as other,
    ):
        yield [one, other]
        for each in (one, other):
            assert "Traceback" not in each.log_text()


def reserved(engine: LiveEngine, id: str) -> float:
    kva: float = engine.ask(f"/v1/headroom/{id}")["reserved_kva"]
    return kva


def test_of_racing_applications_in_two_counties_exactly_those_that_fit_succeed(
    engines: list[LiveEngine], cluster: CitusCluster
) -> None:
    rng = random.Random(3)
    sums = {"D1": 0.0, "D2": 0.0}
    for kva in (23.0, 31.0):
        held = cluster.ask("SELECT id FROM reservation WHERE state = 'held'")
        for (id,) in held:
            engines[0].ask(f"/v1/reservations/{id}/withdraw", {"operator": "test"})
        begin = threading.Barrier(16)

        def apply(number: int, kva: float = kva, begin: threading.Barrier = begin) -> httpx.Response:
            begin.wait()
            time.sleep(rng.random() * 0.1)
            return reserve(engines[number % 2], ("D1", "D2")[number // 2 % 2], kva)

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(apply, range(16)))
        for k, district in enumerate(("D1", "D2")):
            mine = [one for number, one in enumerate(answers) if number // 2 % 2 == k]
            won = [one for one in mine if one.status_code == 200]
            assert len(won) == fitting(district, kva)
            assert {one.status_code for one in mine} <= {200, 409}
            sums[district] = kva * len(won)
        for engine in engines:
            assert reserved(engine, "n5") == pytest.approx(sums["D1"])
            assert reserved(engine, "n6") == pytest.approx(sums["D2"])
            assert reserved(engine, "L1") == pytest.approx(sum(sums.values()))  # of the northern county


def test_what_is_reserved_counts_while_the_node_of_its_county_is_away(
    engines: list[LiveEngine], cluster: CitusCluster
) -> None:
    with in_transaction() as cursor:
        where = placements(cursor, "switch", [NORTH, SOUTH])
    worker = cluster.ports.index(where[SOUTH].node.port)
    assert reserve(engines[0], "D2", 40).status_code == 200
    store.close_pools()
    with cluster.frozen(worker):
        deadline = time.monotonic() + 20
        while not engines[1].get("/readyz").json()["degraded"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert reserved(engines[1], "n6") == 40
        # nothing of that county can have changed: it is decided from memory, and the record lies elsewhere
        answer = reserve(engines[1], "D2", 40)
        assert answer.status_code == 200, answer.text
        assert reserve(engines[0], "D2", 40).status_code == 409
        assert reserved(engines[0], "n6") == 80
