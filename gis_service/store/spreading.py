"""Which of the grid's tables are spread over a cluster and how, and spreading a grid that is there already.

The migrations spread the tables of a new cluster; `spread` does the same to a database that holds a grid.
The register and the journal of loads stay whole on the coordinator, where every write comes through.
"""

from __future__ import annotations

from psycopg2 import extensions

from gis_service.store.schema import ELEMENT_LAYERS
from sharding.distribute import create_distributed_table, create_reference_table, one_node_at_a_time

COUNTY_COLUMN = "county_code"
REFERENCE_TABLES = ("county",)
FIRST_TABLE = "connectivity_node"
"""The table that the others are colocated with; the counties' sizes are compared by its rows."""

SPREAD_TABLES = (
    FIRST_TABLE,
    *(layer.name for layer in ELEMENT_LAYERS if layer.name != FIRST_TABLE),
    "county_version",
    "switch_operation",
    "interruption",
    "switch_answer",
)


def spread(held: extensions.connection) -> bool:
    """Spread a grid that lies whole on the coordinator, all of it or nothing; False where it is spread.

    Rows are copied into the shards in one transaction, in which nobody else writes. The guard of the switch
    log goes: a cluster has no triggers.
    """
    with held, held.cursor() as cursor:
        missing = _not_yet(cursor)
        if missing:
            one_node_at_a_time(cursor)
            cursor.execute("DROP TRIGGER IF EXISTS switch_operation_append_only ON switch_operation")
            cursor.execute("DROP FUNCTION IF EXISTS switch_operation_is_append_only()")
            for table in REFERENCE_TABLES:
                if table in missing:
                    create_reference_table(cursor, table)
            for table in SPREAD_TABLES:
                if table in missing:
                    beside = None if table == FIRST_TABLE else FIRST_TABLE
                    create_distributed_table(cursor, table, COUNTY_COLUMN, colocate_with=beside)
    _empty_what_was_copied(held)
    return bool(missing)


def _not_yet(cursor: extensions.cursor) -> set[str]:
    cursor.execute(
        "SELECT name FROM unnest(%s::text[]) name"
        " WHERE to_regclass(name) NOT IN (SELECT logicalrelid FROM pg_dist_partition)",
        [[*REFERENCE_TABLES, *SPREAD_TABLES]],
    )
    return {name for (name,) in cursor.fetchall()}


def _empty_what_was_copied(held: extensions.connection) -> None:
    """Give back the room of the rows that the shards hold now, and that nobody sees any more."""
    for table in (*SPREAD_TABLES, *REFERENCE_TABLES):
        with held, held.cursor() as cursor:
            cursor.execute("SELECT pg_relation_size(%s::regclass) > 0", [table])
            if cursor.fetchone() == (True,):
                cursor.execute("SELECT truncate_local_data_after_distributing_table(%s::regclass)", [table])
