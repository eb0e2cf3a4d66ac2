"""What the database server went through before: when it was started, what it left undecided."""

from __future__ import annotations

from datetime import datetime

from gis_service.store.database import distributed, in_transaction


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

    Until then others see half of such a write. The cluster does this by itself once a minute; asked for, it
    is done before the first question is answered. Does nothing on a single server.

    Raises
    ------
    NotReady
        When the database does not answer, or a node with undecided transactions is away.
    """
    with in_transaction() as cursor:
        if not distributed(cursor):
            return 0
        cursor.execute("SELECT recover_prepared_transactions()")
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])
