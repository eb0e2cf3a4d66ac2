"""Has everything compiled before the first question; a second process helps where nothing of it is kept yet.

Compiling holds one core for more than a minute, and the interpreter meanwhile. What each of the two compiles
lies on disk, where the other finds it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from compiling.kept import all_is_kept, note_all_kept
from gis_service.engine.starting.warm import warm_planning, warm_questions
from layers.raster.warming import warm_drawing
from layers.tiles.warming import warm_encoder

PARTS: dict[str, Callable[[], None]] = {
    "questions": warm_questions,
    "planning": warm_planning,
    "tiles": warm_encoder,
    "maps": warm_drawing,
}
HELPED = ("planning", "tiles", "maps")
"""What the second process compiles: about as much as questions alone need."""


def compile_all() -> None:
    """Compile what is not kept yet, in two processes where there are two cores."""
    with _helped():
        PARTS["questions"]()
    compile_parts(HELPED)
    note_all_kept()


def compile_parts(names: Sequence[str]) -> None:
    """Compile these parts in this process, or have them read from disk."""
    for name in names:
        PARTS[name]()


@contextmanager
def _helped() -> Iterator[None]:
    """A process that compiles the other parts meanwhile; where it fails, they are left to this one."""
    if all_is_kept() or (os.cpu_count() or 1) < 2:
        yield
        return
    command = [sys.executable, "-m", "gis_service", "compile", *HELPED, "--for", str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as helper:
        try:
            yield
        except BaseException:
            helper.terminate()
            raise
