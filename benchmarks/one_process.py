"""An engine of its own: starts, answers one question, and tells what that took.

`python -m benchmarks.one_process DIRECTORY` starts from the snapshots in a directory, with no database;
`python -m benchmarks.one_process --stored DIRECTORY` as the server does, over the engine database of the
environment and its snapshots in that directory. Prints JSON: when the first answer was there, by the clock,
which switch it was asked about and how many customers it named, and the memory of the process after many
questions; over a database also what a switch operation took.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gis_service.engine.engine import Engine

QUESTIONS, OPERATIONS = 2_000, 40


def main(arguments: list[str]) -> None:
    """Start, ask, and print."""
    directory = Path(arguments[-1])
    stored = arguments[:-1] == ["--stored"]
    engine = _over_the_database(directory) if stored else _over_snapshots(directory)
    from gis_service.engine.outage import Case

    switches = engine.scene().topology.tables.switches
    middle = len(switches) // 2
    lost = engine.outage_impact(Case(out=[str(switches.id[middle])]), ())["affected"]["customers"]
    answered_at = time.time()
    rows = np.random.default_rng(5).choice(len(switches), min(QUESTIONS, len(switches)), replace=False)
    for row in rows.tolist():
        engine.outage_impact(Case(out=[str(switches.id[row])]), ("customers", "districts"))
    found = {"answered_at": answered_at, "switch": middle, "customers": lost}
    if stored:
        found["operation_s"] = _operation_seconds(engine, str(switches.id[middle]))
    found |= {"peak_bytes": _status("VmHWM"), "bytes": _status("VmRSS")}
    print(json.dumps(found))


def _over_snapshots(directory: Path) -> Engine:
    from gis_service.engine.engine import Engine
    from gis_service.engine.following.current import CurrentWorld
    from gis_service.engine.following.mapped import MappedGrid

    return Engine(CurrentWorld(MappedGrid(directory)))


def _over_the_database(directory: Path) -> Engine:
    from gis_service.home import prepare_environment

    prepare_environment()
    from gis_service.commands.connecting import connect

    connect()
    from gis_service.engine.engine import Engine
    from gis_service.engine.following.current import CurrentWorld
    from gis_service.engine.following.stored import StoredGrid

    return Engine(CurrentWorld(StoredGrid(directory)))


def _operation_seconds(engine: Engine, switch: str) -> float:
    """The median time to open or close a switch, written down with its effects; it stands as before then."""
    from gis_service.engine.recording.operated import Operated
    from gis_service.engine.starting.warm import warm_up

    warm_up(engine)  # as the server does before it is ready
    scene = engine.scene()
    row = scene.topology.ids.row("switch", switch)
    assert row is not None
    standing = bool(scene.state.open[row])
    spent = []
    for number in range(OPERATIONS):  # an even number
        begin = time.perf_counter()
        engine.record_operations([Operated(switch, open=standing if number % 2 else not standing)])
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


if __name__ == "__main__":
    main(sys.argv[1:])
