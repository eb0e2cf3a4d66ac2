"""Shards that are split or moved under a transaction, which may then find nothing where there are rows.

A statement that writes waits for the end of a split or a move and goes on with the placement of then.
Where that lies on the coordinator, it does so with the snapshot that it had before: without the rows
that came with the placement, and without an error (`CitusBeginModifyScan` in Citus 13). A node of its
own takes a new snapshot. So a transaction either looks at its end whether a placement is new, and is
done again, or begins by holding its shards, which costs a statement on each.
"""

from __future__ import annotations

from collections.abc import Collection

from psycopg2 import extensions, sql


def newest_placement(cursor: extensions.cursor) -> int:
    """A number that is another one after every split or move; for the coordinator of a cluster alone."""
    cursor.execute("SELECT coalesce(max(placementid), 0) FROM pg_dist_placement")
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def hold(cursor: extensions.cursor, table: str, column: str, keys: Collection[str], *, positive: str) -> None:
    """Let no shard with rows of these distribution keys be split or moved before the transaction is over.

    The first statements of the transaction that meet them: they may wait, and what follows sees all rows. A
    DELETE takes the lock of a writer; this one finds no row, for the column `positive` is never below 0.
    """
    query = sql.SQL("DELETE FROM {} WHERE {} = %s AND {} < 0").format(
        sql.Identifier(table), sql.Identifier(column), sql.Identifier(positive)
    )
    for key in sorted(keys):
        cursor.execute(query, [key])
