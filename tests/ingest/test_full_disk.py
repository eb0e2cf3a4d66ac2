"""A package that cannot be written: one sentence, and the target as it was; found by `make soak`.

A limit on the size of files stands for the end of the disk: a write fails in the same places.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from gis_service.errors import InvalidInput
from gis_service.ingest.package import write_package
from tests.packages import sound_package


@pytest.mark.parametrize("name", ["grid.gpkg", "grid"])
def test_what_cannot_be_written_is_told_in_a_sentence_and_leaves_the_old_package(
    tmp_path: Path, name: str
) -> None:
    target = tmp_path / name
    write_package(sound_package(), target)
    before = _content(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InvalidInput, match=f"{target} cannot be written: .+; choose another place"):
            write_package(sound_package(), target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _content(tmp_path) == before


def _content(folder: Path) -> dict[str, bytes]:
    found = (Path(where, name) for where, _, names in os.walk(folder) for name in names)
    return {str(path): path.read_bytes() for path in found}
