"""An engine of its own over a directory of snapshots: starts, answers one question, and tells what that took.

`python -m benchmarks.one_process DIRECTORY` prints JSON: when the first answer was there, by the clock, which
switch it was asked about and how many customers it named, and the memory of the process after many questions.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

QUESTIONS = 2_000


def main(directory: Path) -> None:
    """Start, ask, and print."""
    from gis_service.engine.engine import Engine
    from gis_service.engine.following.current import CurrentWorld
    from gis_service.engine.following.mapped import MappedGrid
    from gis_service.engine.outage import Case

    engine = Engine(CurrentWorld(MappedGrid(directory)))
    switches = engine.scene().topology.tables.switches
    middle = len(switches) // 2
    lost = engine.outage_impact(Case(out=[str(switches.id[middle])]), ())["affected"]["customers"]
    answered_at = time.time()
    rows = np.random.default_rng(5).choice(len(switches), min(QUESTIONS, len(switches)), replace=False)
    for row in rows.tolist():
        engine.outage_impact(Case(out=[str(switches.id[row])]), ("customers", "districts"))
    memory = {"peak_bytes": _status("VmHWM"), "bytes": _status("VmRSS")}
    print(json.dumps({"answered_at": answered_at, "switch": middle, "customers": lost} | memory))


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
