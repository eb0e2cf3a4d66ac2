from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gis_service import store
from soak.spread import SpreadGrid, spread_grid
from soak.surroundings import Surroundings
from tests.cluster.citus_cluster import SETTINGS, CitusCluster, stored_in


@pytest.fixture(scope="session")
def started_cluster(django_db_blocker: Any) -> Iterator[CitusCluster]:
    with tempfile.TemporaryDirectory(prefix="gridgis-citus-") as directory:
        Path(directory).chmod(0o711)
        cluster = CitusCluster(Path(directory))
        try:
            cluster.start(workers=2)
            cluster.migrate()
            yield cluster
        finally:
            store.close_pools()
            cluster.stop()


@pytest.fixture(scope="session")
def growing(django_db_blocker: Any) -> Iterator[SpreadGrid]:
    """A cluster of one node, and two servers that may join it."""
    with tempfile.TemporaryDirectory(prefix="gridgis-grows-") as made:
        Path(made).chmod(0o711)
        with spread_grid(Path(made), settings=SETTINGS) as grid:
            yield grid
            store.close_pools()


@pytest.fixture
def alone(django_db_blocker: Any) -> Iterator[Surroundings]:
    """A coordinator that holds all shards itself, since it has no workers; the store works on it."""
    with tempfile.TemporaryDirectory(prefix="gridgis-alone-") as made:
        Path(made).chmod(0o711)
        with spread_grid(Path(made), settings=SETTINGS, servers=0) as grid:
            with django_db_blocker.unblock(), stored_in(grid.here.dsn):
                yield grid.here
            store.close_pools()


@pytest.fixture
def cluster(started_cluster: CitusCluster, django_db_blocker: Any) -> Iterator[CitusCluster]:
    """The cluster with empty tables, as the database the store works on."""
    started_cluster.empty()
    with django_db_blocker.unblock(), stored_in(started_cluster.dsn):
        yield started_cluster
