"""Which servers are nodes of the cluster: the coordinator, those that are added, moved, and taken out again.

Speaks Citus' own functions; every call may be repeated. What a server must be like before it can be a node is
`requirements`, how its shards come and go is `moving`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sharding.coordinator import Coordinator
from sharding.placement import Node

_JOINING_S = 300.0  # a new node is told of every table and shard


def let_nodes_in(session: Coordinator, role: str, password: str) -> None:
    """Keep the password with which this node logs in to the others as `role`, readable by superusers only."""
    session.ask(
        """
        INSERT INTO pg_dist_authinfo (nodeid, rolename, authinfo) VALUES (0, %s, %s)
        ON CONFLICT (nodeid, rolename) DO UPDATE SET authinfo = excluded.authinfo
        WHERE pg_dist_authinfo.authinfo <> excluded.authinfo
        """,
        [role, f"password={_quoted(password)}"],
    )


def make_coordinator(session: Coordinator, host: str, port: int, *, alone: bool = True) -> None:
    """Make the server that is asked the coordinator, known to its workers at this address.

    A new one that stays `alone` holds the shards itself.
    """
    before = session.ask("SELECT nodename, nodeport FROM pg_dist_node WHERE groupid = 0")
    if before != [(host, port)]:
        session.ask("SELECT citus_set_coordinator_host(%s, %s)", [host, port])
    if not before and alone:
        hold_shards(session, Node(host, port), True)


def add_worker(session: Coordinator, host: str, port: int) -> int:
    """Make a server, which has the database and its extensions, a worker without shards; its number."""
    return int(session.one("SELECT citus_add_node(%s, %s)", [host, port], deadline_s=_JOINING_S))


def remove_worker(session: Coordinator, node: Node) -> None:
    """Take a node out that holds no shards; its database stays as it is."""
    session.ask("SELECT citus_remove_node(%s, %s)", [node.host, node.port])


def hold_shards(session: Coordinator, node: Node, should: bool) -> None:
    """Say whether a node is meant to hold shards; those that it has stay until they are moved."""
    address = [node.host, node.port]
    stands = session.one(
        "SELECT shouldhaveshards FROM pg_dist_node WHERE nodename = %s AND nodeport = %s", address
    )
    if stands is not should:
        session.ask("SELECT citus_set_node_property(%s, %s, 'shouldhaveshards', %s)", [*address, should])


def registered(session: Coordinator) -> dict[int, Node]:
    """The nodes by the numbers that Citus gave them."""
    rows = session.ask(
        "SELECT nodeid, nodename, nodeport, groupid = 0 FROM pg_dist_node"
        " WHERE noderole = 'primary' ORDER BY nodeid"
    )
    return {number: Node(*address) for number, *address in rows}


def holding(session: Coordinator) -> list[Node]:
    """The nodes that are meant to hold shards."""
    rows = session.ask(
        "SELECT nodename, nodeport, groupid = 0 FROM pg_dist_node"
        " WHERE shouldhaveshards AND noderole = 'primary' ORDER BY nodename, nodeport"
    )
    return [Node(*row) for row in rows]


def shards_on(session: Coordinator, node: Node) -> int:
    """How many shards of spread tables a node holds."""
    return int(
        session.one(
            """
            SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
            JOIN pg_dist_partition t USING (logicalrelid) JOIN pg_dist_node n USING (groupid)
            WHERE t.partmethod = 'h' AND n.nodename = %s AND n.nodeport = %s
            """,
            [node.host, node.port],
        )
    )


def move_addresses(session: Coordinator, found: Mapping[int, tuple[str, int]]) -> None:
    """Tell the cluster where its workers are to be found today, by number, and see that all nodes know.

    All of them before anything that speaks to a worker: where one was, somebody else may listen now.
    """
    known = registered(session)
    moved = {
        number: (host, port) for number, (host, port) in found.items() if known[number] != Node(host, port)
    }
    for number, address in moved.items():
        session.ask("SELECT citus_update_node(%s, %s, %s)", [number, *address])
    if moved:
        session.ask("SELECT start_metadata_sync_to_all_nodes()", deadline_s=_JOINING_S)


def _quoted(value: str) -> str:
    """A value as libpq's connection strings want it."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"
