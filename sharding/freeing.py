"""Ending what a session that hangs on a frozen node has left open on the nodes that answer.

The session would tell them to roll back, but it tells one node after another, and waits for the frozen one.
Its transaction is over by then; what it prepared on a node is left to the recovery of prepared transactions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from typing import Any

import psycopg2

from sharding.placement import Node

_END = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name ~ '^citus_internal gpid=[0-9]{11,}$'
    AND right(application_name, 10)::bigint = %(session)s
    AND NOT EXISTS (SELECT FROM pg_prepared_xacts WHERE gid LIKE 'citus\\_%%\\_' || %(session)s || '\\_%%')
"""


def end_branches(session: int, nodes: Collection[Node], parameters: Mapping[str, Any]) -> int:
    """End the branches of a coordinator's session on these nodes; how many there were.

    `session` is its process number, which the nodes know as the last ten digits of its global one.
    """
    ended = 0
    for node in nodes:
        with suppress(psycopg2.Error):
            address = {**parameters, "host": node.host, "port": node.port, "connect_timeout": 2}
            with closing(psycopg2.connect(**address)) as held, held, held.cursor() as cursor:
                cursor.execute(_END, {"session": session})
                ended += (cursor.fetchone() or (0,))[0]
    return ended
