"""Layers out of the files of a directory, beside those of the grid: which directory, and reading it once.

The server reads it before it listens, so that a bad file is told to whoever starts it; the worker process
reads it for itself. The files are read at a start, and not looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from gis_service.errors import InvalidInput
from layers.files import BadFiles, read_layers
from layers.still import StillLayer

DIRECTORY_VARIABLE = "GRIDGIS_EXTRA_LAYERS"


def extra_layers(taken: Collection[str]) -> list[StillLayer]:
    """The layers of the directory that GRIDGIS_EXTRA_LAYERS names; none where it names none.

    Parameters
    ----------
    taken
        The names of the grid's own layers.

    Raises
    ------
    InvalidInput
        With every fault of every file.
    """
    directory = os.environ.get(DIRECTORY_VARIABLE, "").strip()
    if not directory:
        return []
    try:
        return read_layers(Path(directory), taken)
    except BadFiles as error:
        raise InvalidInput(f"{DIRECTORY_VARIABLE}: {error}", error.faults) from error
