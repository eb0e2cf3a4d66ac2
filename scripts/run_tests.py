"""The whole test suite against a private test cluster, which is stopped afterwards whatever happens.

`python -m scripts.run_tests [pytest arguments]` runs five pytest processes: what needs no database, the maps,
and what needs a Citus cluster beside the engine's other tests, then those of the business API (two Django
processes have two settings, and one pytest run cannot hold both). With `--cluster` it runs only what needs
Citus, and asks of every grid what else is asked of a few. The exit code is 0 when every run passed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

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
OF_MAPS = ("tests/clients", "tests/layers")
NO_TESTS_COLLECTED = 5
EVERY_GRID = "GRIDGIS_EVERY_GRID"  # the cluster's tests ask of all grids, not of those most unlike
KEPT = ("GRIDGIS_HYPOTHESIS", "GRIDGIS_EVERY_CONTEST", EVERY_GRID)


@dataclass(frozen=True, slots=True)
class Run:
    """One pytest process: what it is called, its settings, what it collects."""

    name: str
    settings: str
    arguments: tuple[str, ...]
    database: str = ""  # behind the engine's database's name, for a run beside another that has one


MODEL = Run("model", "gis_service.settings", WITHOUT_DATABASE)
ENGINE = Run(
    "engine",
    "gis_service.settings",
    ("tests", *(f"--ignore={path}" for path in (*API_TESTS, *WITHOUT_DATABASE, *OF_MAPS, WITH_CLUSTER))),
)
MAPS = Run("map", "gis_service.settings", OF_MAPS, "_maps")
API = Run("business API", "api.settings", tuple(path for path in API_TESTS if Path(path).is_dir()))
CLUSTER = Run("cluster", "gis_service.settings", (WITH_CLUSTER,), "_spread")


def main(arguments: list[str]) -> int:
    """Run what was asked for; 0 passed, 1 failed or impossible here."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    beside, runs, arguments = _chosen([MODEL, MAPS, CLUSTER], [ENGINE, API], arguments)
    if arguments[:1] == ["--cluster"]:
        beside, runs, arguments = [], [CLUSTER], arguments[1:]
        os.environ[EVERY_GRID] = "1"
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
        return _run_all(beside, runs, cluster, arguments)
    except (ClusterError, NoServerPrograms, PermissionError) as error:
        print(f"tests: {error}", file=sys.stderr)
        return 1
    finally:
        cluster.stop()


def _chosen(
    beside: Sequence[Run], runs: Sequence[Run], arguments: Sequence[str]
) -> tuple[list[Run], list[Run], list[str]]:
    """Of each run only the tests that the arguments name by path; all of them where none is named."""
    named = [one for one in arguments if Path(one.split("::")[0]).exists()]
    if not named:
        return list(beside), list(runs), list(arguments)
    groups: dict[str, list[str]] = {}
    for one in named:
        part = "/".join(Path(one).parts[:2]).split("::")[0]
        owner = next((run.name for run in (MODEL, MAPS, CLUSTER, API) if part in run.arguments), ENGINE.name)
        groups.setdefault(owner, []).append(one)
    return (
        [replace(run, arguments=tuple(groups[run.name])) for run in beside if run.name in groups],
        [replace(run, arguments=tuple(groups[run.name])) for run in runs if run.name in groups],
        [one for one in arguments if one not in named],
    )


def _run_all(
    beside: Sequence[Run], runs: Sequence[Run], cluster: LocalCluster, arguments: Sequence[str]
) -> int:
    """Run `runs` one after another and `beside` at the same time, whose output is shown when it has ended."""
    verdicts = []
    with ExitStack() as kept:
        hidden = [
            _Process(run, _environment(cluster, run), arguments, kept.enter_context(tempfile.TemporaryFile()))
            for run in beside
        ]
        for process in hidden:
            kept.callback(process.end)
        for run in runs:
            if run.arguments:
                print(f"\n=== {run.name} tests", flush=True)
                process = _Process(run, _environment(cluster, run), arguments)
                kept.callback(process.end)
                verdicts.append(process.verdict())
        for process in hidden:
            verdict = process.verdict()
            print(f"\n=== {process.run.name} tests", flush=True)
            process.show()
            verdicts.append(verdict)
    print("\n=== " + "; ".join(line for _, line in verdicts), flush=True)
    return int(not all(passed for passed, _ in verdicts))


def _environment(cluster: LocalCluster, run: Run) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GRIDGIS_")}
    environment |= {name: os.environ[name] for name in KEPT if name in os.environ}
    environment["GRIDGIS_HOME"] = str(cluster.home)
    environment.setdefault("NUMBA_CACHE_DIR", str(cluster.home / "numba"))
    for process, database in DATABASES.items():
        environment[f"GRIDGIS_{process.upper()}_DSN"] = cluster.dsn(database + run.database)
    return environment


class _Process:
    """One pytest process, started at once; with `output` it writes there instead of to the terminal."""

    def __init__(
        self,
        run: Run,
        environment: Mapping[str, str],
        arguments: Sequence[str],
        output: IO[bytes] | None = None,
    ) -> None:
        self.run = run
        self._selected = bool(arguments)
        self._output = output
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", f"--ds={run.settings}", *run.arguments, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output and subprocess.STDOUT,
        )
        self._seconds = 0.0
        self._watch = threading.Thread(target=self._await_end, daemon=True)
        self._watch.start()

    def _await_end(self) -> None:
        self._process.wait()
        self._seconds = time.monotonic() - self._began

    def verdict(self) -> tuple[bool, str]:
        """Wait for it: whether it passed, and a line that says so."""
        code = self._process.wait()
        self._watch.join()
        passed = code == 0 or (code == NO_TESTS_COLLECTED and self._selected)
        outcome = "passed" if passed else f"FAILED (pytest exit code {code})"
        return passed, f"{self.run.name} tests: {outcome}, {self._seconds:.0f} s"

    def show(self) -> None:
        """Copy what it wrote to the terminal."""
        if self._output is not None:
            self._output.seek(0)
            sys.stdout.write(self._output.read().decode(errors="replace"))
            sys.stdout.flush()

    def end(self) -> None:
        """Stop it if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
