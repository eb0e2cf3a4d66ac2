"""A grid dumped from one cluster and restored into another, by the commands of the operations page.

The engine over the restored cluster must answer as the one over the first did.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sharding.pg_programs import find_server
from tests.cluster.both import Both
from tests.cluster.citus_cluster import CitusCluster
from tests.cluster.corpus import make_grid
from tests.cluster.questions import Asker, operations
from tests.live import ROOT, engine_environment, running_engine

pytestmark = pytest.mark.citus


@pytest.fixture
def other_cluster() -> Iterator[CitusCluster]:
    """Another cluster, with one worker: what is restored need not lie as it lay."""
    with tempfile.TemporaryDirectory(prefix="gridgis-restored-") as directory:
        Path(directory).chmod(0o711)
        cluster = CitusCluster(Path(directory))
        try:
            cluster.start(workers=1)
            yield cluster
        finally:
            cluster.stop()


def commands_of_the_page() -> list[str]:
    """The lines of the page between its two marks."""
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page[page.index("### Back up and restore a cluster") :]
    return [
        line
        for block in re.findall(r"```\n(.*?)```", section, re.DOTALL)[:2]
        for line in block.replace("\\\n", " ").splitlines()
        if line and not line.startswith("#")
    ]


def test_a_dump_restored_into_another_cluster_answers_the_same(
    started_cluster: CitusCluster, other_cluster: CitusCluster, django_db_blocker: Any, tmp_path: Path
) -> None:
    with django_db_blocker.unblock():
        started_cluster.empty()
    began = datetime.now(UTC)
    grid = make_grid("trunks", tmp_path)
    subprocess.run(
        ["gridgis", "load", str(grid.path)], env=environment(started_cluster, other_cluster), check=True
    )
    with running_engine(started_cluster.dsn, tmp_path, name="first") as first:
        begin = datetime.now(UTC)
        time.sleep(6)
        turns = list(operations(Asker(grid, []), begin))
        for turn in turns:
            first.post(turn.path, turn.body)
        for command in commands_of_the_page():
            done = subprocess.run(
                command,
                shell=True,
                cwd=tmp_path,
                env=environment(started_cluster, other_cluster),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        with running_engine(other_cluster.dsn, tmp_path, name="restored") as restored:
            both = Both(first, restored, began)
            moments = sorted({datetime.fromisoformat(one["at"]) for turn in turns for one in turn.body})
            both.named |= set(moments)
            assert both.differences(Asker(grid, moments[:2]).all()) == []
            # what is recorded from now on goes on where the dump ended
            more = list(operations(Asker(grid, [], seed=3), begin))
            both.named |= {datetime.fromisoformat(one["at"]) for turn in more for one in turn.body}
            assert both.differences(more) == []


def environment(old: CitusCluster, new: CitusCluster) -> dict[str, str]:
    """What an operator has set: the two addresses, and PostgreSQL's programs on the path."""
    programs = find_server(("postgis", "citus")).bindir
    return {
        **engine_environment(old.dsn),
        "OLD": old.dsn,
        "NEW": new.dsn,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{programs}:{os.environ['PATH']}",
    }
