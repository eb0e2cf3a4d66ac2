"""A run of the tests that is killed: the next one ends what it left, and nothing else.

Real processes and a real server; who is alive is the operating system's word.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.leftovers import RunsAlready, only_run
from sharding.local import LocalCluster
from tests.store.test_interrupted_loads import wait_for

A_RUN = """
import os, subprocess, sys, time
from pathlib import Path
from scripts.leftovers import only_run

with only_run(Path(sys.argv[1])) as run:
    environment = os.environ | run.environment(os.environ)
    left = subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)
    print(left.pid, run.directory, flush=True)
    time.sleep(600)
"""


@contextmanager
def killed_in_the_end(*command: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def is_alive(pid: int) -> bool:
    """A zombie whose parent is gone, and that nobody has reaped yet, is dead as well."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_killed_run_left_is_ended_by_the_next_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with killed_in_the_end("sleep", "600") as bystander:
        with killed_in_the_end(sys.executable, "-c", A_RUN, str(tmp_path)) as run:
            assert run.stdout is not None
            pid, directory = run.stdout.readline().split()
            with pytest.raises(RunsAlready, match="already: wait for their end"), only_run(tmp_path):
                raise AssertionError("two runs in one home")
        server = LocalCluster(Path(directory) / "cluster")
        postgres = server.start()
        assert is_alive(int(pid))
        with only_run(tmp_path) as mine:
            wait_for(lambda: not is_alive(int(pid)) and not is_alive(postgres.pid))
            assert not Path(directory).exists()
            assert mine.directory.exists()
            assert is_alive(bystander.pid)
        assert not mine.directory.exists()
        said = capsys.readouterr().out
        assert f"left by a run that was killed, and ended now: process {pid}, sleep 600" in said
        assert f"process {postgres.pid}, " in said


def test_pytest_keeps_its_own_directories_where_they_were(tmp_path: Path) -> None:
    """Not in that of the run, which is gone at its end: they are looked into after a failure."""
    with only_run(tmp_path) as run:
        told = run.environment(os.environ)
        program = "import tempfile; print(tempfile.gettempdir())"
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | told,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == str(run.directory)
        assert told["PYTEST_DEBUG_TEMPROOT"] == os.environ.get("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
