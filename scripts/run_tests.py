"""The whole test suite against a private test cluster, which is stopped afterwards whatever happens.

`python -m scripts.run_tests [pytest arguments]` runs pytest processes beside each other, one more than there
are cores: two for what needs a Citus cluster, those of the engine, of the maps and of what needs no database,
and that of the business API (two Django processes have two settings, and one pytest run cannot hold both).
What they all compile is compiled before. With `--cluster` it runs only what needs Citus, and asks of every
grid what else is asked of a few. The exit code is 0 when every run passed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scripts.lanes import Lane, Lanes, adopt_orphans, cpu_of_children
from scripts.leftovers import RunsAlready, TestRun, only_run
from sharding.local import DATABASES, ClusterError, LocalCluster
from sharding.pg_programs import NoServerPrograms, find_server

API_TESTS = ("tests/api", "tests/browser")
MODEL_PARTS = (
    "kernels",
    "network",
    "tracing",
    "planning",
    "importers",
    "ingest",
    "checks",
    "engine",
    "atlas",
)
WITHOUT_DATABASE = tuple(f"tests/{part}" for part in MODEL_PARTS)
WITH_CLUSTER = "tests/cluster"
OF_ANSWERS = ("tests/cluster/test_every_question.py", "tests/cluster/test_backup.py")
OF_MAPS = ("tests/clients", "tests/layers")
EVERY_GRID = "GRIDGIS_EVERY_GRID"  # the cluster's tests ask of all grids, not of those most unlike
KEPT = ("GRIDGIS_HYPOTHESIS", "GRIDGIS_EVERY_CONTEST", EVERY_GRID)

MODEL = Lane("model", "gis_service.settings", WITHOUT_DATABASE, "_model")
ENGINE = Lane(
    "engine",
    "gis_service.settings",
    ("tests", *(f"--ignore={path}" for path in (*API_TESTS, *WITHOUT_DATABASE, *OF_MAPS, WITH_CLUSTER))),
)
MAPS = Lane("map", "gis_service.settings", OF_MAPS, "_maps")
API = Lane("business API", "api.settings", tuple(path for path in API_TESTS if Path(path).is_dir()))
ANSWERS = Lane("same answers", "gis_service.settings", OF_ANSWERS, "_answers")
CLUSTER = Lane(
    "cluster",
    "gis_service.settings",
    (WITH_CLUSTER, *(f"--ignore={path}" for path in OF_ANSWERS)),
    "_spread",
)
LONGEST_FIRST = (ENGINE, ANSWERS, CLUSTER, MODEL, MAPS, API)


def main(arguments: list[str]) -> int:
    """Run what was asked for; 0 passed, 1 failed or impossible here."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started us behind itself
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    lanes: Sequence[Lane] = LONGEST_FIRST
    if arguments[:1] == ["--cluster"]:
        lanes, arguments = [ANSWERS, CLUSTER], arguments[1:]
        os.environ[EVERY_GRID] = "1"
        try:
            find_server(("postgis", "citus"))
        except NoServerPrograms:
            print(
                "the tests in tests/cluster need PostgreSQL with the Citus extension: install it, then repeat"
            )
            return 1
    lanes, arguments = _chosen(lanes, arguments)
    home = (Path(os.environ.get("GRIDGIS_HOME") or ".gridgis") / "test").absolute()
    try:
        with only_run(home) as run:
            return _run(lanes, run, home, arguments)
    except (ClusterError, NoServerPrograms, PermissionError, RunsAlready) as error:
        print(f"tests: {error}", file=sys.stderr)
        return 1


def _run(lanes: Sequence[Lane], run: TestRun, home: Path, arguments: Sequence[str]) -> int:
    """Run the lanes against a cluster of this home, and say what they took."""
    began = time.monotonic()
    adopt_orphans()
    # A commit need not wait for the disk here; nothing else differs from what the demo runs.
    cluster = LocalCluster(home, settings={"synchronous_commit": "off"})
    cores = os.cpu_count() or 1
    try:
        cluster.start()
        if len(lanes) > 1:  # else they would all compile the same at the same time
            _compile(_environment(cluster, lanes[0], run))
        work = Lanes(lambda lane: _environment(cluster, lane, run), home / "log", arguments)
        passed = work.run(lanes, cores + 1)  # some of what is tested is how long things wait
    finally:
        cluster.stop()
    minutes, cpu = (time.monotonic() - began) / 60, cpu_of_children()
    print("\n" + "\n".join(work.summary()))
    outcome = "all passed" if passed else "FAILED"
    print(
        f"=== {outcome} after {minutes:.1f} min, which took {cpu:.0f} s of CPU on {cores} cores", flush=True
    )
    return int(not passed)


def _compile(environment: Mapping[str, str]) -> None:
    print("→ compiling what is not kept yet", flush=True)
    subprocess.run([sys.executable, "-m", "gis_service", "compile"], env=environment, check=True)


def _chosen(lanes: Sequence[Lane], arguments: Sequence[str]) -> tuple[list[Lane], list[str]]:
    """Of each lane only the tests that the arguments name by path; all of them where none is named."""
    named = [one for one in arguments if Path(one.split("::")[0]).exists()]
    if not named:
        return [lane for lane in lanes if lane.arguments], list(arguments)
    groups: dict[str, list[str]] = {}
    for one in named:
        part = "/".join(Path(one).parts[:2]).split("::")[0]
        owner = next((lane.name for lane in lanes if part in lane.arguments), lanes[0].name)
        groups.setdefault(owner, []).append(one)
    chosen = [replace(lane, arguments=tuple(groups[lane.name])) for lane in lanes if lane.name in groups]
    return chosen, [one for one in arguments if one not in named]


def _environment(cluster: LocalCluster, lane: Lane, run: TestRun) -> Mapping[str, str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GRIDGIS_")}
    environment |= {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= run.environment(os.environ)
    environment["GRIDGIS_HOME"] = str(cluster.home)
    environment.setdefault("NUMBA_CACHE_DIR", str(cluster.home / "numba"))
    for process, database in DATABASES.items():
        environment[f"GRIDGIS_{process.upper()}_DSN"] = cluster.dsn(database + lane.database)
    return environment


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
