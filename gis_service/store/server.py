"""What the database server went through before: when it was started, what it left undecided."""

from __future__ import annotations

from datetime import datetime

import psycopg2

from gis_service.store.database import connection_parameters, in_our_words, in_transaction
from gis_service.store.settling import settle
from sharding.deadlines import ShardingError


def server_started_at() -> datetime:
    """When the server that answers (on a cluster, the coordinator) was started.

    Raises
    ------
    NotReady
        When the database does not answer.
    """
    with in_transaction(read_only=True) as cursor:
        cursor.execute("SELECT pg_postmaster_start_time()")
        row = cursor.fetchone()
    assert row is not None
    started: datetime = row[0]
    return started


def settle_prepared_transactions() -> int:
    """Settle what a node that died has left committed on some nodes of a cluster only; how many there were.

    Until then a county stands behind what the register says of it. The cluster does this by itself once a
    minute; asked for, it is done before the first question is answered, and for a node that comes back before
    that is asked anything. Does nothing on a single server; what a node that is away has left waits for it.

    Raises
    ------
    NotReady
        When the database does not answer.
    """
    try:
        return settle(connection_parameters())
    except (psycopg2.Error, ShardingError) as error:
        raise in_our_words(error) from error
