"""Where the snapshots of one database lie, what they are called, and which of them are no longer wanted.

Several processes may share a directory: files are only ever added under a name that says what is in them, or
removed when no process has them open.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import xxhash

from gis_service.snapshots.county import CountyKey
from gis_service.snapshots.file import SnapshotFile
from gis_service.snapshots.layout import UNFINISHED, BadSnapshot
from gis_service.snapshots.use import in_use, remove_unused

_SUFFIX = ".snapshot"
_ABANDONED_S = 3600.0


def county_file(directory: Path, key: CountyKey) -> Path:
    """The file of one content of a county."""
    at = "" if key.loaded_at is None else f"-{round(key.loaded_at.timestamp() * 1e6)}"
    return directory / f"county-{quote(key.county, safe='')}-{key.topology_version}{at}{_SUFFIX}"


def province_file(directory: Path, identity: str) -> Path:
    """The file of one stitched network."""
    return directory / f"province-{xxhash.xxh3_64_hexdigest(identity.encode())}{_SUFFIX}"


def county_keys(directory: Path) -> list[CountyKey]:
    """The counties whose snapshots lie in a directory, sorted; of several loads of one the newest.

    For directories that were written without a database: with one, its versions say what to open.
    """
    found: dict[str, CountyKey] = {}
    for path in directory.glob(f"county-*{_SUFFIX}"):
        try:
            county, version, at = SnapshotFile(path).meta["key"]
        except (BadSnapshot, FileNotFoundError):
            continue
        key = CountyKey(county, version, None if at is None else datetime.fromisoformat(at))
        if county not in found or found[county].topology_version < version:
            found[county] = key
    return [found[county] for county in sorted(found)]


def tidy(directory: Path, wanted: Collection[Path]) -> list[Path]:
    """Remove snapshots that are neither wanted nor open in any process, and what killed writers left."""
    found = directory.glob(f"*{_SUFFIX}")
    removed = [path for path in found if path not in wanted and remove_unused(path)]
    for path in directory.glob(f"*{UNFINISHED}"):
        try:
            abandoned = time.time() - path.stat().st_mtime > _ABANDONED_S
        except OSError:
            continue
        if abandoned and remove_unused(path):
            removed.append(path)
    return removed


@dataclass(frozen=True, slots=True)
class Survey:
    """One file in a directory of snapshots; `fault` is empty where it can be used."""

    path: Path
    size: int
    kind: str
    of: str
    written_at: float
    in_use: bool
    fault: str


def survey(directory: Path, *, thorough: bool) -> Iterator[Survey]:
    """Every snapshot below a directory, by path; `thorough` compares the content with its checksums."""
    for path in sorted(directory.rglob(f"*{_SUFFIX}")):
        kind, of, fault = "", "", ""
        try:
            stat, used = path.stat(), in_use(path)
            snapshot = SnapshotFile(path)
            kind = str(snapshot.meta.get("kind", ""))
            key = snapshot.meta.get("key", [])
            of = f"{key[0]} topology {key[1]}" if kind == "county" else f"{len(key)} counties"
            if thorough:
                snapshot.verify()
        except FileNotFoundError:
            continue  # removed meanwhile
        except BadSnapshot as bad:
            fault = str(bad)
        yield Survey(path, stat.st_size, kind, of, stat.st_mtime, used, fault)


def clear(directory: Path) -> int:
    """Remove every snapshot below a directory, also open ones (who has them open keeps them); how many."""
    found = [path for ending in (_SUFFIX, UNFINISHED) for path in directory.rglob(f"*{ending}")]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)
