"""The same engine over three Citus nodes on this machine and over one plain PostGIS: loads, then questions.

Ours is the cluster, the peer is one server: a ratio below 1 is what being spread costs. All servers share the
processors of this machine, so nothing is gained by having more of them but what indexes and connections gain
by working side by side; several machines would gain more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg2 import sql
from psycopg2.extensions import connection

from benchmarks import citus_questions
from benchmarks.engine_database import empty, engine_database, working_on
from benchmarks.loading import InMemory, Pieces
from benchmarks.pairing import Contest, LeftOut
from benchmarks.province import COUNTIES, SEED
from benchmarks.server import SMALL, connect, server
from benchmarks.setting import Setting
from gis_service.errors import NotReady
from gis_service.home import DSN_VARIABLE
from gis_service.province.generate import generate, plan_province
from sharding.local_citus import EXTENSIONS, LocalCitus
from sharding.pg_programs import NoServerPrograms, find_server

NAMES = ("citus-load", "citus-copy", *citus_questions.NAMES)
WORKERS = 2
COPIED = "customer_point"
NODES = SMALL | {"shared_buffers": "512MB", "citus.shard_count": "32", "max_connections": "200"}


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """Loads first, then questions about what was loaded."""
    try:
        find_server(EXTENSIONS)
    except NoServerPrograms:
        why = "PostgreSQL has no Citus extension here: install it from its own sources or packages"
        yield from (LeftOut(name, why) for name in NAMES)
        return
    customers = setting.customers
    counties = max(2, min(COUNTIES, customers // 1000))
    setting.say(f"citus: generating {customers:,} customers")
    plan = plan_province(counties=counties, customers=customers, seed=SEED, shapes="squares")
    package = InMemory(dict(generate(plan)))
    with ExitStack() as kept:
        plain = engine_database(kept.enter_context(server(setting)), setting)
        spread = kept.enter_context(_citus(setting))
        yield from _loads(package, spread, plain)
        yield from citus_questions.contests(package, spread, plain, setting)
        for dsn in (spread, plain):
            empty(dsn)


@contextmanager
def _citus(setting: Setting) -> Iterator[str]:
    """The coordinator's engine database with its tables made; the servers stop at the end."""
    cluster = LocalCitus(setting.data / "citus", settings=NODES)
    cluster.start(workers=WORKERS)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gis_service", "migrate"],
            env=os.environ | {DSN_VARIABLE: cluster.dsn},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NotReady(f"the tables cannot be made on the cluster: {done.stderr.strip()[-500:]}")
        yield cluster.dsn
    finally:
        cluster.stop()


def _loads(package: InMemory, spread: str, plain: str) -> Iterator[Contest]:
    """A whole load through the store, and a bare COPY; every index stands while rows come in."""
    from gis_service import store
    from gis_service.ingest.spec import BY_NAME
    from gis_service.store.schema import arrow_types
    from sharding.copy import binary_rows

    first, *others = package.counties
    resident = InMemory({first: package.county_tables(first)})
    arriving = InMemory({county: package.county_tables(county) for county in others})
    rows = sum(len(arriving.county_tables(county)[name]) for county in others for name in BY_NAME)

    def before() -> None:
        for dsn in (spread, plain):
            empty(dsn)
            with working_on(dsn):
                store.load_package(resident)  # a grid that holds something keeps its indexes during a load
            _checkpoint(dsn)

    def load(dsn: str, _: None) -> str:
        with working_on(dsn):
            store.load_package(arriving)
        return dsn

    yield Contest(
        name="citus-load",
        work=f"{rows:,} rows in {len(others)} counties through the store into a grid with all indexes",
        peer="the same into one PostGIS",
        ours=partial(load, spread),
        theirs=partial(load, plain),
        before=before,
        same=_counts,
        goal=1.5,
        rounds=3,
    )
    columns = [*arrow_types(BY_NAME[COPIED]), "geom"]
    points = pa.concat_tables([arriving.county_tables(county)[COPIED].select(columns) for county in others])
    # as rows arrive from a measurement or a form: of all counties, mixed
    order = np.random.default_rng(SEED).permutation(len(points))
    ready = list(binary_rows(points.take(order).combine_chunks()))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(COPIED), sql.SQL(", ").join(map(sql.Identifier, columns))
    )

    def copy(dsn: str, held: connection, _: None) -> str:
        with held.cursor() as cursor:
            cursor.copy_expert(statement, Pieces(ready))
        return dsn

    with closing(connect(spread)) as ours, closing(connect(plain)) as theirs:
        yield Contest(
            name="citus-copy",
            work=f"COPY of {len(points):,} customer points of {len(others)} counties, mixed, in one session",
            peer="the same into one PostGIS",
            ours=partial(copy, spread, ours),
            theirs=partial(copy, plain, theirs),
            before=before,
            same=_counts,
            goal=1.5,
            rounds=3,
        )


def _checkpoint(dsn: str) -> None:
    """Let every server write what it still has to write."""
    with closing(connect(dsn)) as held, held.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SELECT FROM pg_extension WHERE extname = 'citus'")
        if cursor.fetchone() is not None:
            cursor.execute("SELECT run_command_on_workers('CHECKPOINT')")


def _counts(dsn: str) -> list[Any]:
    """How many customers and lines each county has, and a sum over their ids."""
    found: list[Any] = []
    with closing(connect(dsn)) as held, held.cursor() as cursor:
        for table in (COPIED, "line_section"):
            cursor.execute(
                f"SELECT county_code, count(*), sum(hashtextextended(id, 0)::numeric) FROM {table} GROUP BY 1"
            )
            found.append(sorted(cursor.fetchall()))
    return found
