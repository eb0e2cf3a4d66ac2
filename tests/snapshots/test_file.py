"""Files of arrays: what comes back is what was put in, or the file is refused."""

from __future__ import annotations

import errno
import os
import random
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gis_service.snapshots.file import CannotWrite, SnapshotFile, write_snapshot
from gis_service.snapshots.layout import FORMAT, BadSnapshot
from gis_service.snapshots.use import in_use, remove_unused

DTYPES = st.sampled_from([np.uint8, np.bool_, np.int32, np.int64, np.uint32, np.float64])
ARRAYS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=2, min_side=0))),
    max_size=6,
)

META = {"kind": "county", "key": ["450122", 3, None], "words": ["", "线路"]}


def some_arrays() -> dict[str, Any]:
    made = np.random.default_rng(7)
    return {"ids": made.integers(0, 255, 9000, np.uint8), "xy": made.random((700, 2)), "none": np.empty(0)}


def same(snapshot: SnapshotFile, arrays: dict[str, Any]) -> bool:
    return snapshot.names == list(arrays) and all(
        snapshot.array(name).dtype == array.dtype
        and snapshot.array(name).shape == array.shape
        and snapshot.array(name).tobytes() == array.tobytes()
        for name, array in arrays.items()
    )


@given(ARRAYS)
def test_what_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("file") / "a.snapshot"
    write_snapshot(path, META, arrays)
    snapshot = SnapshotFile(path)
    snapshot.verify()
    assert snapshot.meta == META
    assert same(snapshot, arrays)
    for name in arrays:
        assert not snapshot.array(name).flags.writeable or not snapshot.array(name).size
    snapshot.forget(arrays)
    assert same(snapshot, arrays)


def test_no_flipped_bit_is_believed(tmp_path: Path) -> None:
    path, arrays = tmp_path / "a.snapshot", some_arrays()
    write_snapshot(path, META, arrays)
    whole = path.read_bytes()
    chosen = random.Random(11)
    header = len(whole[:4096].rstrip(b"\0"))
    # everywhere in the header, where each byte has a meaning, and at random beyond
    places = [*range(header), *(chosen.randrange(len(whole)) for _ in range(400))]
    refused = 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chosen.randrange(8)
        path.write_bytes(damaged)
        try:
            snapshot = SnapshotFile(path)
            snapshot.verify()
        except BadSnapshot:
            refused += 1
            continue
        # behind the header and the arrays nothing is written
        assert place >= header
        assert same(snapshot, arrays)
        assert snapshot.meta == META
    assert refused > header + 200


def test_no_file_that_is_cut_short_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.snapshot"
    write_snapshot(path, META, some_arrays())
    whole = path.read_bytes()
    for length in [*range(64), *range(64, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(BadSnapshot):
            SnapshotFile(path).verify()
    path.write_bytes(whole + b"\0")
    with pytest.raises(BadSnapshot, match="bytes of"):
        SnapshotFile(path)


def test_what_is_no_snapshot_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.snapshot"
    with pytest.raises(FileNotFoundError):
        SnapshotFile(path)
    path.write_bytes(b"GIF89a" + bytes(500))
    with pytest.raises(BadSnapshot, match="is no snapshot"):
        SnapshotFile(path)
    write_snapshot(path, META, {})
    content = bytearray(path.read_bytes())
    content[8] += 1
    path.write_bytes(content)
    with pytest.raises(BadSnapshot, match=f"is of format {FORMAT + 1}, and this is format {FORMAT}"):
        SnapshotFile(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(BadSnapshot, match="cannot be read"):
        SnapshotFile(path)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.snapshot"
    write_snapshot(path, META, some_arrays())
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(CannotWrite, match=os.strerror(errno.EFBIG)):
            write_snapshot(path, META, {"more": np.zeros(9000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_under_who_has_it_open(tmp_path: Path) -> None:
    path, arrays = tmp_path / "a.snapshot", some_arrays()
    write_snapshot(path, META, arrays)
    old = SnapshotFile(path)
    write_snapshot(path, META, {"other": np.arange(5)})
    old.verify()
    assert same(old, arrays)
    assert same(SnapshotFile(path), {"other": np.arange(5)})


def test_a_file_is_in_use_as_long_as_an_array_of_it_lives(tmp_path: Path) -> None:
    path = tmp_path / "a.snapshot"
    write_snapshot(path, META, some_arrays())
    assert not in_use(path)
    snapshot = SnapshotFile(path)
    snapshot.verify()
    array = snapshot.array("xy")
    del snapshot
    assert in_use(path)
    assert not remove_unused(path)
    assert path.exists()
    del array
    assert remove_unused(path)
    assert not path.exists()
