"""The largest province as it is served: in PostGIS, with an engine over the database and its own snapshots.

`python -m benchmarks.stored CUSTOMERS SNAPSHOTS` fills the engine database of the environment, which takes
minutes; the filled database and the snapshots are kept for the next run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.measured_process import OPERATIONS, QUESTIONS, Process
from benchmarks.pairing import Limit
from benchmarks.processes import bring_up_to_date
from benchmarks.province import COUNTIES, SEED, province_edition
from benchmarks.server import connect, database, server
from benchmarks.setting import Setting
from benchmarks.sizes import answered_right
from gis_service.errors import NotReady
from gis_service.home import DSN_VARIABLE
from gis_service.province.generate import Plan, county_tables, plan_province

NAMES = ("stored-start", "stored-memory", "stored-operation")
_GIB = 2**30


def contests(setting: Setting) -> Iterator[Limit]:
    """The start of an engine over the database, its memory, and a switch operation that is written down."""
    customers = setting.largest
    name = f"stored_{customers}"
    snapshots = setting.data / f"snapshots-{customers}"
    with server(setting) as cluster:
        dsn = cluster.dsn(name)
        database(
            cluster,
            name,
            edition=f"1 {province_edition()}",
            fill=lambda _: _fill(dsn, customers, snapshots, setting),
            setting=setting,
        )
        bring_up_to_date(dsn)
        process = Process(["--stored", str(snapshots)], snapshots, {DSN_VARIABLE: dsn})
        process.start(cached=True)  # makes the snapshots where they are gone
        limits: list[tuple[str, str, float, str, Any]] = [
            (
                "stored-start",
                "from starting a process to its first answer, snapshots cached, switch states by COPY",
                10.0,
                "s",
                partial(process.start, cached=True),
            ),
            (
                "stored-memory",
                f"peak memory of it after {QUESTIONS:,} questions and {OPERATIONS} switch operations",
                3.0,
                "GiB",
                lambda: process.last["peak_bytes"] / _GIB,
            ),
            (
                "stored-operation",
                "a switch operation, until it is in PostgreSQL with whom it cut off or brought back",
                0.1,
                "s",
                lambda: process.last["operation_s"],
            ),
        ]
        for name, work, limit, unit, measure in limits:
            yield Limit(
                name=name,
                work=f"{work}, {customers:,} customers in PostGIS",
                limit=limit,
                measure=measure,
                right=partial(answered_right, setting, process),
                unit=unit,
                rounds=3 if name == "stored-start" else 1,
            )


def _fill(dsn: str, customers: int, snapshots: Path, setting: Setting) -> None:
    shutil.rmtree(snapshots, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.stored", str(customers), str(snapshots)],
        env=os.environ | {DSN_VARIABLE: dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotReady(f"the database was not filled: {done.stderr.strip()[-500:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    with closing(connect(dsn)) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (size,) = cursor.fetchone() or (0,)
    setting.say(
        f"generated and loaded {told['rows']:,} rows in {told['load_s']:.0f} s: {size / _GIB:.1f} GiB; "
        f"read and kept as snapshots in {told['read_s']:.0f} s"
    )


class _Generated:
    """A package whose counties are made when they are asked for."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.counties = [one.code for one in plan.counties]

    def county_tables(self, county: str) -> Mapping[str, pa.Table]:
        """The layers of one county."""
        return county_tables(self._plan, county)


def main(customers: int, snapshots: Path) -> None:
    """Fill the database, make the snapshots, and print what that took."""
    from gis_service.home import prepare_environment

    prepare_environment()
    from gis_service.commands.connecting import connect as connect_engine

    connect_engine()
    from django.core.management import call_command

    from gis_service import store
    from gis_service.engine.following.stored import StoredGrid

    call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
    counties = max(1, min(COUNTIES, customers // 1000))
    plan = plan_province(counties=counties, customers=customers, seed=SEED, shapes="squares")
    begin = time.perf_counter()
    done = store.load_package(_Generated(plan))
    loaded = time.perf_counter()
    StoredGrid(snapshots).load()
    rows = sum(sum(one.rows.values()) for one in done)
    print(json.dumps({"rows": rows, "load_s": loaded - begin, "read_s": time.perf_counter() - loaded}))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
