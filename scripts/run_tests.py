"""The whole test suite against a private test cluster, which is stopped afterwards whatever happens.

`python -m scripts.run_tests [pytest arguments]` runs the engine's tests, then those of the business API: two
Django processes have two settings, and one pytest run cannot hold both. With `--cluster` it runs only what
needs Citus. The exit code is 0 when every run passed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sharding.local import DATABASES, ClusterError, LocalCluster
from sharding.pg_programs import NoServerPrograms, find_server

API_TESTS = ("tests/api", "tests/browser")
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Run:
    """One pytest process: what it is called, its settings, what it collects."""

    name: str
    settings: str
    arguments: tuple[str, ...]


ENGINE = Run("engine", "gis_service.settings", ("tests", *(f"--ignore={path}" for path in API_TESTS)))
API = Run("business API", "api.settings", tuple(path for path in API_TESTS if Path(path).is_dir()))
CLUSTER = Run("cluster", "gis_service.settings", ("tests/cluster",))


def main(arguments: list[str]) -> int:
    """Run what was asked for; 0 passed, 1 failed or impossible here."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runs = [ENGINE, API]
    if arguments[:1] == ["--cluster"]:
        runs, arguments = [CLUSTER], arguments[1:]
        try:
            find_server(("postgis", "citus"))
        except NoServerPrograms:
            print(
                "the tests in tests/cluster need PostgreSQL with the Citus extension: install it, then repeat"
            )
            return 1
    # A commit need not wait for the disk here; nothing else differs from what the demo runs.
    home = Path(os.environ.get("GRIDGIS_HOME") or ".gridgis") / "test"
    cluster = LocalCluster(home, settings={"synchronous_commit": "off"})
    try:
        cluster.start()
        return _run_all(runs, cluster, arguments)
    except (ClusterError, NoServerPrograms, PermissionError) as error:
        print(f"tests: {error}", file=sys.stderr)
        return 1
    finally:
        cluster.stop()


def _run_all(runs: list[Run], cluster: LocalCluster, arguments: list[str]) -> int:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GRIDGIS_")}
    if "GRIDGIS_HYPOTHESIS" in os.environ:
        environment["GRIDGIS_HYPOTHESIS"] = os.environ["GRIDGIS_HYPOTHESIS"]
    environment["GRIDGIS_HOME"] = str(cluster.home)
    environment.setdefault("NUMBA_CACHE_DIR", str(cluster.home / "numba"))
    for process, database in DATABASES.items():
        environment[f"GRIDGIS_{process.upper()}_DSN"] = cluster.dsn(database)
    closing_lines, failed = [], False
    for run in runs:
        if not run.arguments:
            continue
        print(f"\n=== {run.name} tests", flush=True)
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", f"--ds={run.settings}", *run.arguments, *arguments]
        code = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
        passed = code == 0 or (code == NO_TESTS_COLLECTED and bool(arguments))
        failed |= not passed
        verdict = "passed" if passed else f"FAILED (pytest exit code {code})"
        closing_lines.append(f"{run.name} tests: {verdict}, {time.monotonic() - began:.0f} s")
    print("\n=== " + "; ".join(closing_lines), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
