"""Spatial indexes that a first load takes away, to build them when all rows are in: that is quicker.

What was taken away stands in the table `index_to_build`, in the same transaction, until it is built again. A
load that died in between leaves it there, and the next load, or `build_missing_indexes`, builds it. Without
them every answer is the same; the map alone is slower. A cluster keeps its indexes: there, DDL needs every
node.
"""

from __future__ import annotations

from psycopg2 import errors, extensions, sql

from gis_service.store.database import distributed, session
from gis_service.store.locks import hold_for_indexing, load_session
from gis_service.store.schema import ELEMENT_LAYERS

_PATIENCE = "2s"
_MEMORY = "512MB"


def set_aside(held: extensions.connection) -> bool:
    """Take the spatial indexes of the empty tables away; whether this session now has to build them.

    Leaves them where the tables are in use at this moment, and where another process is building them.
    """
    try:
        with held, held.cursor() as cursor:
            if distributed(cursor) or not hold_for_indexing(cursor):
                return False
            cursor.execute("SET LOCAL lock_timeout = %s", [_PATIENCE])
            cursor.execute(
                """
                SELECT c.relname, pg_get_indexdef(i.indexrelid)
                FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
                WHERE a.amname = 'gist' AND i.indrelid = ANY(%s::regclass[])
                """,
                [[layer.name for layer in ELEMENT_LAYERS]],
            )
            for name, definition in cursor.fetchall():
                cursor.execute("INSERT INTO index_to_build VALUES (%s, %s)", [name, definition])
                cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    except errors.LockNotAvailable:
        return False
    return True


def to_build(held: extensions.connection) -> list[str]:
    """The definitions of the indexes set aside, the largest table's first; none while others hold them."""
    with held, held.cursor() as cursor:
        if not hold_for_indexing(cursor):
            return []
        cursor.execute("SELECT definition FROM index_to_build")
        found = [definition for (definition,) in cursor.fetchall()]
        cursor.execute(
            "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE oid = ANY(%s::regclass[])",
            [[layer.name for layer in ELEMENT_LAYERS]],
        )
        sizes = dict(cursor.fetchall())
    return sorted(found, key=lambda one: (-sizes.get(_table(one), 0), one))


def build(definition: str, held: extensions.connection) -> None:
    """Build one index that was set aside; writers of its table wait, readers do not."""
    with held, held.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = %s", [_MEMORY])
        cursor.execute("DELETE FROM index_to_build WHERE definition = %s", [definition])
        if cursor.rowcount:
            cursor.execute(definition)


def build_missing_indexes() -> list[str]:
    """Build what a load that died left unbuilt; the names of the tables whose index it was, sorted.

    Does nothing where none is missing, or where a load is under way that will build them.
    """
    with session() as held, held, held.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM index_to_build)")
        if cursor.fetchone() == (False,):
            return []
    built: list[str] = []
    with load_session() as held:
        for definition in to_build(held):
            build(definition, held)
            built.append(_table(definition))
    return sorted(built)


def _table(definition: str) -> str:
    """The table of an index as `pg_get_indexdef` writes it: CREATE INDEX … ON schema.table USING …."""
    return definition.split(" ON ", 1)[1].split(" USING ", 1)[0].rsplit(".", 1)[-1].strip('"')
