"""What a node that died has left undecided is settled before the first question. Real servers.

What is expected is what the test itself left prepared, and PostgreSQL's own list of it.
"""

from __future__ import annotations

import pytest

from gis_service import store
from sharding.local import DATABASES
from tests.cluster.citus_cluster import CitusCluster, ask

pytestmark = pytest.mark.citus


def test_a_write_left_prepared_on_a_node_is_settled_and_counted_once(cluster: CitusCluster) -> None:
    """Prepared for the coordinator, which knows nothing of it: it had not decided, so it never happened."""
    worker = cluster.nodes[1].dsn(DATABASES["engine"])
    ask(worker, "BEGIN; CREATE TABLE undecided (n int); PREPARE TRANSACTION 'citus_0_999999_1_1'")
    assert ask(worker, "SELECT gid FROM pg_prepared_xacts") == [("citus_0_999999_1_1",)]

    assert store.settle_prepared_transactions() == 1
    assert ask(worker, "SELECT gid FROM pg_prepared_xacts") == []
    assert ask(worker, "SELECT to_regclass('undecided')") == [(None,)]
    assert store.settle_prepared_transactions() == 0


def test_a_node_that_is_away_does_not_keep_the_others_from_being_settled(cluster: CitusCluster) -> None:
    worker = cluster.nodes[1].dsn(DATABASES["engine"])
    ask(worker, "BEGIN; CREATE TABLE undecided (n int); PREPARE TRANSACTION 'citus_0_999999_1_2'")
    cluster.kill(2)
    store.close_pools()  # as in a process that has just been started
    try:
        assert store.settle_prepared_transactions() == 1
    finally:
        cluster.revive(2)
