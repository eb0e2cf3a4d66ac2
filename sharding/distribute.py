"""Which tables are whole on every node and which are spread by a column; on plain PostGIS, nothing to do.

Knows Citus' own functions and nothing of what the tables hold. Every call takes an open DB-API cursor, so
that it can be part of a migration's transaction, and does nothing where the extension is absent: the same
migrations run on one server and on a cluster.
"""

from __future__ import annotations

from typing import Any, Protocol


class Cursor(Protocol):
    """The part of a DB-API cursor that is used here; Django's and psycopg2's both fit."""

    def execute(self, sql: Any, params: Any = None, /) -> Any: ...

    def fetchone(self) -> Any: ...


def is_citus(cursor: Cursor) -> bool:
    """Whether this database spreads tables at all: whether it has the `citus` extension."""
    cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
    return bool(cursor.fetchone()[0])


def one_node_at_a_time(cursor: Cursor) -> None:
    """Make the rest of this transaction touch shards one after another.

    Needed before several DDL statements, or a write to a reference table after a read of all shards, in
    one transaction.
    """
    if is_citus(cursor):
        cursor.execute("SET LOCAL citus.multi_shard_modify_mode TO 'sequential'")


def create_reference_table(cursor: Cursor, table: str) -> None:
    """Keep a table whole on every node, so that joins and foreign keys to it stay local."""
    if is_citus(cursor):
        cursor.execute("SELECT create_reference_table(%s)", [table])


def create_distributed_table(
    cursor: Cursor, table: str, column: str, *, colocate_with: str | None = None
) -> None:
    """Spread a table by a column, rows of one value together.

    `colocate_with` names a table spread by the same kind of column: equal values of both then live on the
    same node, and move together. The primary key and every unique constraint must hold the column.
    """
    if is_citus(cursor):
        cursor.execute(
            "SELECT create_distributed_table(%s, %s, colocate_with => %s)",
            [table, column, colocate_with or "none"],
        )


def undistribute_table(cursor: Cursor, table: str) -> None:
    """Bring a table back to the coordinator whole, whichever way it was spread."""
    if not is_citus(cursor):
        return
    cursor.execute("SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = %s::regclass)", [table])
    if cursor.fetchone()[0]:
        cursor.execute("SELECT undistribute_table(%s)", [table])
