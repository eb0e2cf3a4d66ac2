"""The province that servers are measured on: loaded by the engine's commands, what peers read beside it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from contextlib import closing

from benchmarks.http_tables import fill
from benchmarks.province import COUNTIES, SEED, Ground, province_edition
from benchmarks.server import connect, database
from benchmarks.setting import Setting
from gis_service.errors import NotReady
from gis_service.home import DSN_VARIABLE
from sharding.local import LocalCluster


def served_database(cluster: LocalCluster, here: Ground, setting: Setting) -> str:
    """The DSN of the engine's database with that province in it."""
    name = f"served_{len(here.topology.tables.customers)}"
    return database(
        cluster,
        name,
        edition=f"1 {province_edition()}",
        fill=lambda _: _fill(cluster.dsn(name), here, setting),
        setting=setting,
    )


def _fill(dsn: str, here: Ground, setting: Setting) -> None:
    """The engine's tables by its own commands, then those of the peer."""
    customers = len(here.topology.tables.customers)
    package = setting.data / f"draft-{secrets.token_hex(4)}"
    counties = str(max(1, min(COUNTIES, customers // 1000)))
    environment = os.environ | {DSN_VARIABLE: dsn}
    generate = ["generate", "province", "--counties", counties, "--customers", str(customers)]
    generate += ["--seed", str(SEED), "--shapes", "squares", "-o", str(package)]
    try:
        for arguments in (["migrate"], generate, ["load", str(package)]):
            command = [sys.executable, "-m", "gis_service.cli", *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise NotReady(f"gridgis {arguments[0]}: {done.stderr.strip()[-500:]}")
    finally:
        shutil.rmtree(package, ignore_errors=True)
    with closing(connect(dsn)) as session:
        fill(session, here)
