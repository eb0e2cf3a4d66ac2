"""The planner's statistics of a load's tables: rough ones at once, until autovacuum makes the fine ones."""

from __future__ import annotations

from functools import partial

from psycopg2 import extensions, sql

from gis_service.errors import NotReady
from gis_service.ingest.spec import BY_NAME
from gis_service.store.database import rely_on_all_nodes
from gis_service.store.load_crew import Work
from gis_service.store.schema import ELEMENT_LAYERS, GEOMETRY, arrow_types


def of_all_tables() -> list[Work]:
    """What is to be done before indexes are built: an index and statistics of a table wait for each other."""
    return [partial(analyse, layer.name) for layer in ELEMENT_LAYERS]


def analyse(table: str, held: extensions.connection) -> None:
    """Rough statistics at once, from a thirtieth of the usual sample; autovacuum makes the fine ones.

    It comes because every column is named: an ANALYZE that names none sets back the count of changed rows by
    which autovacuum goes. On a cluster that asks every node, and waits for none.
    """
    columns = [*arrow_types(BY_NAME[table]), GEOMETRY]
    with held, held.cursor() as cursor:
        try:
            rely_on_all_nodes(cursor)
        except NotReady:
            return
        cursor.execute("SET LOCAL default_statistics_target = 3")
        cursor.execute("SET LOCAL synchronous_commit = off")
        named = sql.SQL(", ").join(map(sql.Identifier, columns))
        cursor.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(table), named))
