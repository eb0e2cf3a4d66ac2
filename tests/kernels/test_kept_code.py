"""Compiled code that is kept on disk is not used when a function that it calls has changed.

Found by restarting engines on changed code (`make soak`): Numba looks at the file of the caller alone. The
expected answer is that of the source as it stands.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiling.sources import taken_from

ROOT = Path(__file__).resolve().parents[2]
CALLER = """
from compiling import compiled
from rooms.callee import callee

@compiled
def caller():
    return callee()
"""
CALLEE = """
from compiling import compiled
from rooms.constants import ANSWER

@compiled
def callee():
    return ANSWER + {}
"""


def answer(folder: Path, *, cache: Path | None) -> int:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    program = "from rooms.caller import caller; print(caller(), sum(caller.stats.cache_hits.values()))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    said, hits = done.stdout.split()
    assert int(hits) in (0, 1)
    return int(said) * 10 + int(hits)


@pytest.mark.parametrize("beside", [True, False])
def test_a_function_is_compiled_again_when_one_that_it_calls_has_changed(
    tmp_path: Path, beside: bool
) -> None:
    """The last digit: whether it came off the disk."""
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    (rooms / "__init__.py").write_text("")
    (rooms / "constants.py").write_text("ANSWER = 40\n")
    (rooms / "callee.py").write_text(CALLEE.format(1))
    (rooms / "caller.py").write_text(CALLER)
    cache = None if beside else tmp_path / "cache"
    assert answer(tmp_path, cache=cache) == 410
    assert answer(tmp_path, cache=cache) == 411
    (rooms / "callee.py").write_text(CALLEE.format(2))
    assert answer(tmp_path, cache=cache) == 420
    (rooms / "constants.py").write_text("ANSWER = 60\n")
    assert answer(tmp_path, cache=cache) == 620
    assert answer(tmp_path, cache=cache) == 621


def test_the_mark_holds_until_something_has_to_be_compiled_again(tmp_path: Path) -> None:
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    (rooms / "__init__.py").write_text("")
    (rooms / "constants.py").write_text("ANSWER = 40\n")
    (rooms / "callee.py").write_text(CALLEE.format(1))
    (rooms / "caller.py").write_text(CALLER)
    program = (
        "import rooms.caller; from compiling.kept import all_is_kept, note_all_kept;"
        " print(all_is_kept()); note_all_kept(); print(all_is_kept())"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{tmp_path}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }

    def told() -> list[str]:
        command = [sys.executable, "-c", program]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout.split()

    assert told() == ["False", "True"]
    assert told() == ["True", "True"]
    (rooms / "constants.py").write_text("ANSWER = 60\n")
    assert told() == ["False", "True"]
    assert len(list((tmp_path / "cache").glob("compiled-*"))) == 1


RECORD = """
from numba.core.types import StructRef
from numba.experimental import structref

@structref.register
class {0}(StructRef):
    pass

class Record(structref.StructRefProxy):
    def __new__(cls, value):
        return structref.StructRefProxy.__new__(cls, value)

structref.define_proxy(Record, {0}, ["value"])
"""
TAKER = """
from compiling import compiled
from rooms.record import Record

@compiled
def taken(record):
    return record.value

def caller():
    return taken(Record(1))

caller.stats = taken.stats
"""


@pytest.mark.parametrize("beside", [True, False])
def test_kept_code_whose_types_are_gone_is_compiled_again(tmp_path: Path, beside: bool) -> None:
    """An upgrade that renames a type: the index on disk names a class that is nowhere now."""
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    (rooms / "__init__.py").write_text("")
    (rooms / "caller.py").write_text(TAKER)
    cache = None if beside else tmp_path / "cache"
    (rooms / "record.py").write_text(RECORD.format("OldType"))
    assert answer(tmp_path, cache=cache) == 10
    assert answer(tmp_path, cache=cache) == 11
    (rooms / "record.py").write_text(RECORD.format("NewType"))
    assert answer(tmp_path, cache=cache) == 10


def test_what_a_compiled_file_is_made_of_reaches_through_the_rooms() -> None:
    """Read off the imports of these files: `engine.counter` stands on kernels, which stand on others."""
    found = {
        path.relative_to(ROOT).as_posix()
        for path in taken_from(ROOT / "gis_service" / "engine" / "counter.py", "gis_service.engine.counter")
    }
    assert {"gis_service/engine/counter.py", "compiling/__init__.py"} <= found
    assert {one for one in found if one.startswith("gis_service/kernels/")} >= directly_imported(
        "engine/counter.py"
    )


def directly_imported(file: str) -> set[str]:
    tree = ast.parse((ROOT / "gis_service" / file).read_text())
    names = [one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)]
    return {f"{name.replace('.', '/')}.py" for name in names if name.startswith("gis_service.kernels.")}
