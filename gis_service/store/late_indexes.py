"""Indexes that a first load takes away, to build them when all rows are in: that is quicker.

These are the spatial indexes and the primary keys of the empty element tables. What was taken away stands in
the table `index_to_build`, in the same transaction, until it is there again. A load that died in between
leaves it there, and the next load, or `build_missing_indexes`, builds it. Without them every answer is the
same, later; that no id stands twice in a county is seen to by `county_rows` meanwhile. A cluster keeps its
indexes: there, DDL needs every node.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from psycopg2 import errors, extensions, sql

from gis_service.store.database import distributed, session
from gis_service.store.locks import hold_for_indexing, load_session
from gis_service.store.schema import ELEMENT_LAYERS

_PATIENCE = "2s"
_KEY_PATIENCE_S, _KEY_ASKS_FOR, _KEY_PAUSE_S = 60.0, "100ms", 0.4
_OUTLASTS_AUTOVACUUM = "5s"  # it gives way to whoever has waited for `deadlock_timeout`, which is a second
_MEMORY, _MEMORY_FOR_KEYS = "512MB", "1MB"
# Rows lie nearly in the order of their keys. Sorted by the few thousand, what is in order costs one look, and
# the rest fits into the processor's cache: also of ten million rows within a twentieth of the quickest.

_SPATIAL_TAKES = 2  # times a key of the same table, about

_SPATIAL = """
SELECT c.relname, t.relname, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
JOIN pg_class t ON t.oid = i.indrelid
WHERE a.amname = 'gist' AND i.indrelid = ANY(%s::regclass[])
"""
_KEYS = """
SELECT k.conname, t.relname, pg_get_indexdef(k.conindid)
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
WHERE k.contype = 'p' AND k.conrelid = ANY(%s::regclass[])
"""
# Autovacuum works for no user, which is told of it to whoever asks; that it is autovacuum is not.
_ONLY_AUTOVACUUM = """
SELECT bool_and(a.pid IS NOT NULL AND a.usesysid IS NULL)
FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.relation = %s::regclass AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_TABLES = [layer.name for layer in ELEMENT_LAYERS]


class LateIndex(NamedTuple):
    """One that waits to be built; one that is unique becomes the table's primary key again."""

    name: str
    definition: str

    @property
    def table(self) -> str:
        """Its table, read out of `CREATE … INDEX … ON schema.table USING …` as PostgreSQL writes it."""
        return self.definition.split(" ON ", 1)[1].split(" USING ", 1)[0].rsplit(".", 1)[-1].strip('"')

    @property
    def is_key(self) -> bool:
        """Whether it is a primary key."""
        return self.definition.startswith("CREATE UNIQUE INDEX ")


def set_aside(held: extensions.connection) -> bool:
    """Take the indexes of the empty tables away; whether this session now has to build them.

    Leaves them where the tables are in use at this moment, and where another process is building them.
    """
    note = "INSERT INTO index_to_build VALUES (%s, %s)"
    try:
        with held, held.cursor() as cursor:
            if distributed(cursor) or not hold_for_indexing(cursor):
                return False
            cursor.execute("SET LOCAL lock_timeout = %s", [_PATIENCE])
            cursor.execute("SET LOCAL synchronous_commit = off")  # the commits of rows wait, after this one
            cursor.execute(_SPATIAL, [_TABLES])
            for name, _, definition in cursor.fetchall():
                cursor.execute(note, [name, definition])
                cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
            cursor.execute(_KEYS, [_TABLES])
            for name, table, definition in cursor.fetchall():
                cursor.execute(note, [name, definition])
                drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
                cursor.execute(drop.format(sql.Identifier(table), sql.Identifier(name)))
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        return False
    return True


def to_build(held: extensions.connection) -> list[LateIndex]:
    """The indexes set aside, the longest work first; none while others hold them."""
    with held, held.cursor() as cursor:
        if not hold_for_indexing(cursor):
            return []
        cursor.execute("SELECT name, definition FROM index_to_build")
        found = [LateIndex(*row) for row in cursor.fetchall()]
        cursor.execute(
            "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE oid = ANY(%s::regclass[])", [_TABLES]
        )
        sizes: dict[str, int] = dict(cursor.fetchall())

    def work(one: LateIndex) -> int:
        return sizes.get(one.table, 0) * (1 if one.is_key else _SPATIAL_TAKES)

    return sorted(found, key=lambda one: (-work(one), one.name))


def build(index: LateIndex, held: extensions.connection) -> None:
    """Build one index that was set aside; writers of its table wait, readers do not.

    A key is unique from then on, and is the primary key after `restore_key`. Neither waits for the disk: what
    the server loses by dying is the index and that it was built, and `wait_for_disk` waits for all of them.
    """
    with held, held.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = %s", [_MEMORY_FOR_KEYS if index.is_key else _MEMORY])
        cursor.execute("SET LOCAL synchronous_commit = off")
        # the sessions of a load keep every core busy by themselves
        cursor.execute("SET LOCAL max_parallel_maintenance_workers = 0")
        if index.is_key:
            cursor.execute(index.definition.replace(" INDEX ", " INDEX IF NOT EXISTS ", 1))
            return
        cursor.execute("DELETE FROM index_to_build WHERE name = %s", [index.name])
        if cursor.rowcount:
            cursor.execute(index.definition)


def restore_key(index: LateIndex, held: extensions.connection) -> bool:
    """Make a unique index the table's primary key again, in a moment when nobody uses the table.

    Who comes while it waits for that moment waits too, so it asks for short; unless nobody but autovacuum
    holds the table, as on many new rows, which would not notice. False, and left to whoever comes next, where
    the table was in use all the time.
    """
    restore = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} PRIMARY KEY USING INDEX {}").format(
        *map(sql.Identifier, (index.table, index.name, index.name))
    )
    end = time.monotonic() + _KEY_PATIENCE_S
    while True:
        try:
            with held, held.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
                cursor.execute(_ONLY_AUTOVACUUM, [index.table])
                only_autovacuum = cursor.fetchone() == (True,)
                asks_for = _OUTLASTS_AUTOVACUUM if only_autovacuum else _KEY_ASKS_FOR
                cursor.execute("SET LOCAL lock_timeout = %s", [asks_for])
                cursor.execute("DELETE FROM index_to_build WHERE name = %s", [index.name])
                if cursor.rowcount:
                    cursor.execute(restore)
        except errors.LockNotAvailable:
            if time.monotonic() > end:
                return False
            time.sleep(_KEY_PAUSE_S)
        else:
            return True


def wait_for_disk(held: extensions.connection) -> None:
    """Return when all that was committed before, by any session, is on the disk: the log has one order."""
    with held, held.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        # only a transaction that wrote something waits at its end
        cursor.execute("SELECT pg_logical_emit_message(true, 'gridgis', 'the indexes before this are built')")


def build_missing_indexes() -> list[str]:
    """Build what a load that died left unbuilt; the names of the indexes, sorted.

    Does nothing where none is missing, or where a load is under way that will build them.
    """
    with session() as held, held, held.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM index_to_build)")
        if cursor.fetchone() == (False,):
            return []
    built: list[str] = []
    with load_session() as held:
        for index in to_build(held):
            build(index, held)
            if not index.is_key or restore_key(index, held):
                built.append(index.name)
        wait_for_disk(held)
    return sorted(built)
