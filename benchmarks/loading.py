"""A province into the engine's tables, whole and with every index, beside a bare COPY of the same rows.

The peer is the least that PostgreSQL can do with these rows: tables with the same columns and no key, no
index and no constraint, the bytes of COPY's binary format ready made, one connection, one commit. Ours begins
with the columns of the package, checks keys, writes the journal, and ends with all indexes built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pyarrow as pa
from psycopg2 import sql
from psycopg2.extensions import connection

from benchmarks.engine_database import empty, engine_database
from benchmarks.pairing import Contest
from benchmarks.province import COUNTIES, SEED
from benchmarks.server import connect, server
from benchmarks.setting import Setting
from gis_service.province.generate import generate, plan_province

NAMES = ("load-copy",)
CUSTOMERS = 300_000


class InMemory:
    """A package whose counties stand ready."""

    def __init__(self, counties: Mapping[str, Mapping[str, pa.Table]]) -> None:
        self._of = counties
        self.counties = sorted(counties)

    def county_tables(self, county: str) -> Mapping[str, pa.Table]:
        """The layers of one county."""
        return self._of[county]


class Pieces:
    """Bytes that stand ready, read by a COPY."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._left = iter(pieces)

    def read(self, _size: int = -1, /) -> bytes:
        """The next piece, whatever its size."""
        return next(self._left, b"")

    def readline(self, _size: int = -1, /) -> bytes:
        """The same: these bytes have no lines, and nobody asks for one."""
        return self.read()


def contests(setting: Setting) -> Iterator[Contest]:
    """One contest; each run begins with empty tables."""
    customers = min(CUSTOMERS, setting.customers)
    with server(setting) as cluster:
        dsn = engine_database(cluster, setting)
        from gis_service import store
        from gis_service.store.schema import ELEMENT_LAYERS, arrow_types
        from sharding.copy import binary_rows

        counties = max(1, min(COUNTIES, customers // 1000))
        setting.say(f"load-copy: generating {customers:,} customers")
        plan = plan_province(counties=counties, customers=customers, seed=SEED, shapes="squares")
        package = InMemory(dict(generate(plan)))
        columns = {layer.name: [*arrow_types(layer), "geom"] for layer in ELEMENT_LAYERS}
        ready = {
            name: [
                list(binary_rows(package.county_tables(county)[name].select(wanted)))
                for county in package.counties
            ]
            for name, wanted in columns.items()
        }
        rows = sum(
            len(package.county_tables(county)[name]) for county in package.counties for name in columns
        )
        with closing(connect(dsn)) as session:

            def before() -> None:
                empty(dsn)
                _make_bare(session, columns)

            def ours(_: None) -> str:
                store.load_package(package)
                return "public"

            def theirs(_: None) -> str:
                session.autocommit = False
                with session, session.cursor() as cursor:
                    for name, of_counties in ready.items():
                        names = sql.SQL(", ").join(map(sql.Identifier, columns[name]))
                        copy = sql.SQL("COPY bare.{} ({}) FROM STDIN (FORMAT binary)").format(
                            sql.Identifier(name), names
                        )
                        for pieces in of_counties:
                            cursor.copy_expert(copy, Pieces(pieces))
                session.autocommit = True
                return "bare"

            yield Contest(
                name="load-copy",
                work=f"{rows:,} rows, the grid of {customers:,} customers, into PostGIS with all indexes",
                peer="bare COPY of the same rows, bytes ready made, no key, index or constraint",
                ours=ours,
                theirs=theirs,
                before=before,
                same=lambda schema: _content(session, schema, columns),
                goal=0.5,
                rounds=7,
            )
            session.cursor().execute("DROP SCHEMA IF EXISTS bare CASCADE")
        store.close_pools()
        empty(dsn)


def _make_bare(session: connection, columns: Mapping[str, list[str]]) -> None:
    with session.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare")
        for name, wanted in columns.items():
            cursor.execute(
                f"CREATE TABLE bare.{name} AS SELECT {', '.join(wanted)} FROM public.{name} WITH NO DATA"
            )
        cursor.execute("CHECKPOINT")


def _content(session: connection, schema: str, columns: Mapping[str, list[str]]) -> list[Any]:
    """How many rows each table has, and a sum over all that stands in them, whatever their order."""
    found: list[Any] = []
    with session.cursor() as cursor:
        for name, wanted in columns.items():
            cursor.execute(
                f"SELECT count(*), sum(hashtextextended(one::text, 0)::numeric) "
                f"FROM (SELECT {', '.join(wanted)} FROM {schema}.{name}) AS one"
            )
            found.append(cursor.fetchone())
    return found
