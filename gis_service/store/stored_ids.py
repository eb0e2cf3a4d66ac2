"""Which ids the stored counties hold, and who refers to them: what a load must know of its neighbours.

Asks by set, also for a million ids: few ids stand in the query itself, many go through a temporary table.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import pyarrow as pa
from psycopg2 import extensions, sql

from gis_service.ingest.spec import BY_NAME
from gis_service.store.database import LONG_DEADLINE_S, counties_away, in_transaction
from gis_service.store.schema import ELEMENT_LAYERS
from gis_service.store.versions import county_versions
from sharding.copy import copy_in

_IN_THE_QUERY = 2_000


@dataclass(frozen=True)
class StoredIds:
    """The ids of the stored counties at the time of asking.

    `topology_versions` are those of all loaded counties when the object was made: a load that was checked
    against it can tell whether another load came in between.
    """

    topology_versions: dict[str, int] = field(
        default_factory=lambda: {code: one.topology_version for code, one in county_versions().items()}
    )

    def owners(self, layer: str, ids: Collection[str], *, outside: Collection[str]) -> dict[str, str]:
        """County code by id, for those of `ids` that a stored county not in `outside` holds in `layer`.

        Asks the shards of these others. Where the node of one is away, ids that counties of `outside` hold
        already are taken on trust: they stood nowhere else when these were loaded.

        Raises
        ------
        CountyAway
            When ids are new and the node of one of the others does not answer.
        """
        others = sorted(self.topology_versions.keys() - set(outside))
        if not others:
            return {}
        ids = [one for one in ids if "\0" not in one]  # no database stores these
        if not ids:
            return {}
        ours = sorted(self.topology_versions.keys() & set(outside))
        if ours and counties_away(others):
            ids = sorted(set(ids) - _holders(layer, ids, ours).keys())
        return _holders(layer, ids, others) if ids else {}


def _holders(layer: str, ids: Collection[str], counties: Collection[str]) -> dict[str, str]:
    with in_transaction(deadline_s=LONG_DEADLINE_S, counties=counties) as cursor:
        query = sql.SQL("SELECT id, county_code FROM {} WHERE id IN {} AND county_code = ANY({})").format(
            sql.Identifier(BY_NAME[layer].name), _asked(cursor, ids), sql.Literal(sorted(counties))
        )
        cursor.execute(query)
        return dict(sorted(cursor.fetchall()))


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A stored element of one county that names, in `column`, an element of another county."""

    county_code: str
    layer: str
    id: str
    column: str
    target_layer: str
    target: str

    def __str__(self) -> str:
        return f"{self.layer} {self.id!r} of county {self.county_code} has {self.column} {self.target!r}"


def references_to(
    cursor: extensions.cursor, gone: dict[str, Collection[str]], *, of: Collection[str]
) -> list[Reference]:
    """The stored elements of these counties that refer to one of the ids in `gone` (by layer).

    Sorted by county, layer and id. Asks the shards of these counties.
    """
    found: list[Reference] = []
    for target, ids in gone.items():
        if not ids:
            continue
        asked = _asked(cursor, ids)
        for layer in ELEMENT_LAYERS:
            for column in layer.columns:
                if column.refers_to != target:
                    continue
                query = sql.SQL(
                    "SELECT county_code, id, {0} FROM {1} WHERE {0} IN {2} AND county_code = ANY({3}::text[])"
                ).format(
                    sql.Identifier(column.name),
                    sql.Identifier(layer.name),
                    asked,
                    sql.Literal(sorted(of)),
                )
                cursor.execute(query)
                found += [
                    Reference(county, layer.name, id, column.name, target, to)
                    for county, id, to in cursor.fetchall()
                ]
    return sorted(found)


def _asked(cursor: extensions.cursor, ids: Collection[str]) -> sql.Composable:
    """What follows IN for these ids."""
    if len(ids) <= _IN_THE_QUERY:
        return sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, sorted(ids))))
    cursor.execute('CREATE TEMP TABLE IF NOT EXISTS asked_id (id text COLLATE "C") ON COMMIT DROP')
    cursor.execute("DELETE FROM asked_id")
    copy_in(cursor, sql.Identifier("asked_id"), pa.table({"id": pa.array(sorted(ids), pa.large_string())}))
    cursor.execute("ANALYZE asked_id")
    return sql.SQL("(SELECT id FROM asked_id)")
