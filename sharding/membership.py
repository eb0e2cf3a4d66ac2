"""Which servers are nodes of the cluster: the coordinator, those that are added, those that have moved.

Speaks Citus' own functions over an open cursor of the coordinator's database that commits each statement by
itself; every call may be repeated. What a server must be like before it can be a node is `requirements`.
"""

from __future__ import annotations

from psycopg2 import extensions

from sharding.placement import Node

__all__ = ["add_worker", "hold_shards", "let_nodes_in", "make_coordinator", "registered", "set_address"]


def let_nodes_in(cursor: extensions.cursor, role: str, password: str) -> None:
    """Keep the password with which this node logs in to the others as `role`, readable by superusers only."""
    cursor.execute(
        """
        INSERT INTO pg_dist_authinfo (nodeid, rolename, authinfo) VALUES (0, %(role)s, %(authinfo)s)
        ON CONFLICT (nodeid, rolename) DO UPDATE SET authinfo = excluded.authinfo
        WHERE pg_dist_authinfo.authinfo <> excluded.authinfo
        """,
        {"role": role, "authinfo": f"password={_quoted(password)}"},
    )


def make_coordinator(cursor: extensions.cursor, host: str, port: int, *, alone: bool = True) -> None:
    """Make the server that is asked the coordinator, known to its workers at this address.

    A new one that stays `alone` holds the shards itself.
    """
    cursor.execute("SELECT nodename, nodeport FROM pg_dist_node WHERE groupid = 0")
    row = cursor.fetchone()
    if row != (host, port):
        cursor.execute("SELECT citus_set_coordinator_host(%s, %s)", [host, port])
    if row is None and alone:
        hold_shards(cursor, host, port, True)


def hold_shards(cursor: extensions.cursor, host: str, port: int, should: bool) -> None:
    """Say whether a node is meant to hold shards; those that it has stay until they are moved."""
    cursor.execute(
        "SELECT shouldhaveshards FROM pg_dist_node WHERE nodename = %s AND nodeport = %s", [host, port]
    )
    if cursor.fetchone() != (should,):
        cursor.execute("SELECT citus_set_node_property(%s, %s, 'shouldhaveshards', %s)", [host, port, should])


def add_worker(cursor: extensions.cursor, host: str, port: int) -> int:
    """Make a server, which has the database and its extensions, a worker without shards; its number."""
    cursor.execute("SELECT citus_add_node(%s, %s)", [host, port])
    (number,) = cursor.fetchone() or (0,)
    return int(number)


def registered(cursor: extensions.cursor) -> dict[int, Node]:
    """The nodes by the numbers that Citus gave them."""
    cursor.execute("SELECT nodeid, nodename, nodeport, groupid = 0 FROM pg_dist_node ORDER BY nodeid")
    return {number: Node(*address) for number, *address in cursor.fetchall()}


def set_address(cursor: extensions.cursor, number: int, host: str, port: int) -> None:
    """Tell the cluster that a worker is to be found elsewhere now, and see that all nodes know."""
    cursor.execute("SELECT citus_update_node(%s, %s, %s)", [number, host, port])
    cursor.execute("SELECT start_metadata_sync_to_all_nodes()")


def _quoted(value: str) -> str:
    """A value as libpq's connection strings want it."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"
