"""Which runs are told not to have ended in order: real processes, really killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gis_service.engine.starting.runs import BrokenRun, begin_run, take_broken_runs

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROGRAM = """
import sys
from datetime import datetime
from pathlib import Path
from gis_service.engine.starting.runs import begin_run
run = begin_run(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
print("runs", flush=True)
sys.stdin.readline()
run.end()
"""


@contextmanager
def running(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs until it is sent a line."""
    command = [sys.executable, "-c", PROGRAM, str(directory), BEGAN.isoformat()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        try:
            yield process
        finally:
            process.kill()


def killed(directory: Path) -> int:
    with running(directory) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return process.pid


def test_a_killed_run_is_told_once(tmp_path: Path) -> None:
    pid = killed(tmp_path)
    (told,) = take_broken_runs(tmp_path)
    assert (told.process, told.started_at, told.rebooted) == (pid, BEGAN, False)
    assert abs(told.last_seen_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert f"(process {pid}, last seen " in str(told)
    assert "did not end in order: it was killed or crashed" in str(told)
    assert take_broken_runs(tmp_path) == []


def test_a_run_that_ended_in_order_is_not_told(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        process.communicate("\n")
    assert process.returncode == 0
    assert take_broken_runs(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_replicas_at_work_are_not_taken_for_broken_runs(tmp_path: Path) -> None:
    mine = begin_run(tmp_path, BEGAN)
    with running(tmp_path):
        assert take_broken_runs(tmp_path) == []
        gone = killed(tmp_path)
        assert [one.process for one in take_broken_runs(tmp_path)] == [gone]
    mine.end()
    mine.end()  # a second time, as when two handlers are called at the end


def test_a_restart_of_the_machine_is_told(tmp_path: Path) -> None:
    """Another boot's id in the file is what a restart leaves."""
    killed(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"boot": "of another time"}))
    (told,) = take_broken_runs(tmp_path)
    assert told.rebooted
    assert str(told).endswith("did not end in order: the machine was started again since")


@pytest.mark.parametrize("content", [b"", b"\0" * 80, b'{"process": 1}', b"[1]", b'{"process": 1'])
def test_a_file_that_a_power_cut_damaged_still_tells_of_a_broken_run(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "engine-1-aa.run").write_bytes(content)
    (told,) = take_broken_runs(tmp_path)
    assert isinstance(told, BrokenRun)
    assert "did not end in order" in str(told)


def test_a_directory_that_is_not_there_tells_of_nothing(tmp_path: Path) -> None:
    assert take_broken_runs(tmp_path / "none") == []
