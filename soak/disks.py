"""A disk that is full: under PostgreSQL amid a load, under the snapshots, under what a command writes.

The disk is a file system in memory of its own (so this campaign needs root), filled until a random rest is
free. Whoever meets its end says so in one sentence, leaves nothing half-done, and works when there is room.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gis_service import store
from gis_service.ingest.package import read_package
from sharding.local import ClusterError, LocalCluster
from soak.campaign import expect, violated
from soak.contents import contents, digests
from soak.loads import make_package
from soak.serving import Serving
from soak.surroundings import Surroundings, migrate

MIB = 1 << 20
SERVER_MIB = 320
PLENTY = 64 * MIB
# What stands in a log for a moment is the write-ahead log, which is never let grow to its default here.
SMALL_LOG = {"min_wal_size": "32MB", "max_wal_size": "48MB", "wal_recycle": "off"}


class Disk:
    """A small file system, mounted at a directory."""

    def __init__(self, place: Path, size: int) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.place = place
        self._ballast = place / "ballast"
        _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(place))

    @property
    def free(self) -> int:
        """Bytes that are free."""
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def fill(self, rest: int) -> None:
        """Leave about `rest` bytes free."""
        self.clear()
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(self.free - rest, 1))

    def clear(self) -> None:
        """Make room."""
        self._ballast.unlink(missing_ok=True)

    def others(self) -> list[str]:
        """What lies there beside the ballast."""
        return sorted(one.name for one in self.place.iterdir() if one != self._ballast)

    def unmount(self) -> None:
        """Take it away."""
        _run("umount", "--lazy", str(self.place))


class FullDisks:
    """Rounds of full disks, in turn under each of the three."""

    def __init__(self, here: Surroundings, stack: ExitStack) -> None:
        self._here = here
        # the second needs some MiB more than the first, in tables and in the write-ahead log
        self._packages = [
            make_package(here, f"disk-{customers}", customers=customers, seed=20)
            for customers in (1_500, 8_000)
        ]
        store.load_package(read_package(self._packages[0]))
        self._server = _server_on_a_disk(here, stack)
        self._there = self._server[0]
        first = self._load_there(self._packages[0])
        self._tidy_there()
        free = self._server[1].free
        self._digests = [first, self._load_there(self._packages[1])]
        self._needed = free - self._server[1].free
        self._snapshots = Disk(here.home / "full-home" / "snapshots", PLENTY)
        stack.callback(self._snapshots.unmount)
        self._written = Disk(here.home / "full-output", PLENTY)
        stack.callback(self._written.unmount)
        self.seen: Counter[str] = Counter()

    def run(self, number: int, chance: random.Random) -> str:
        """One full disk."""
        part = (self._under_postgresql, self._under_what_is_written, self._under_snapshots)[number % 3]
        return part(chance)

    def _tidy_there(self) -> None:
        self._there.query("VACUUM FULL")
        self._there.query("CHECKPOINT")

    def _load_there(self, package: Path) -> dict[str, str]:
        done = self._there.gridgis("load", str(package), "--replace")
        expect(done.returncode == 0, f"an undisturbed load fails: {done.stderr}")
        return {code: one.digest for code, one in contents(self._there).items()}

    def _under_postgresql(self, chance: random.Random) -> str:
        there, disk = self._server
        (was, target), package = self._digests, self._packages[1]
        self._load_there(self._packages[0])
        self._tidy_there()
        rest = int(chance.uniform(0, 1.1) * self._needed)
        disk.fill(rest)
        done = there.gridgis("load", str(package), "--replace")
        full = done.returncode != 0
        disk.clear()
        if full:
            _expect_one_sentence(done, "room", "recover", "connection", "terminat", "No space left")
        recovered = there.cluster.start().recovered
        found = digests(contents(there), target)
        for county, digest in found.items():
            expect(digest in (was[county], target[county]), f"county {county} is half-done on a full disk")
        expect(full or found == target, "a load that said it was done is not there")
        expect(self._load_there(package) == target, "the load with room did not bring the package")
        self.seen["loads that met the end of the disk"] += full
        self.seen["loads that had room"] += not full
        self.seen["servers that recovered"] += bool(recovered)
        said = f": {done.stderr.strip()[:100]}" if full else ""
        return (
            f"PostgreSQL with {rest // 1024} KiB: the load {'was refused' if full else 'went through'}{said}"
        )

    def _under_what_is_written(self, chance: random.Random) -> str:
        disk = self._written
        what = chance.choice(("export", "export a directory", "generate"))
        target = disk.place / ("grid.gpkg" if what == "export" else "grid")
        command = ["export", "-o", str(target)]
        if what == "generate":
            sized = ["--counties", "2", "--customers", "1500", "--seed", str(chance.randrange(100))]
            command = ["generate", "province", *sized, "--shapes", "squares", "--force", "-o", str(target)]
        expect(self._here.gridgis(*command).returncode == 0, f"{what} fails with room")
        before = _bytes_below(disk.place)
        rest = int(chance.uniform(0, 1.3) * sum(map(len, before.values())))
        if chance.random() < 0.5:  # nothing to replace
            _run("rm", "-r", str(target))
            before = {}
        disk.fill(rest)
        done = self._here.gridgis(*command)
        full = done.returncode != 0
        if full:
            _expect_one_sentence(done, "No space left", "room on the disk")
            expect(done.returncode == 2 or what == "generate", f"{what} ended with {done.returncode}")
            expect(_bytes_below(disk.place) == before, f"{what} left {disk.others()} on a full disk")
        disk.clear()
        done = self._here.gridgis(*command)
        expect(done.returncode == 0, f"{what} fails when there is room again: {done.stderr}")
        read_package(target)
        _run("rm", "-r", str(target))
        expect(not disk.others(), f"{what} left {disk.others()}")
        self.seen[f"{what.split()[0]}: {'refused' if full else 'had room'}"] += 1
        return f"{what} with {rest // 1024} KiB: {'refused' if full else 'went through'}"

    def _under_snapshots(self, chance: random.Random) -> str:
        disk = self._snapshots
        for left in disk.place.iterdir():
            _run("rm", "-r", str(left))
        rest = int(chance.uniform(0, 1.5) * MIB)
        disk.fill(rest)
        here = Surroundings(self._here.home, self._here.cluster)
        engine = Serving(here, name="full-engine", home=disk.place.parent)
        try:
            engine.start()
            first = self._question(engine)
            said = engine.said()
            full = "snapshots cannot be written" in said
            expect("Traceback" not in said, f"the engine logged: {said}")
            unfinished = [one.name for one in disk.place.rglob("*.part")]
            expect(not unfinished, f"unfinished snapshots are left: {unfinished}")
            expect(full or self._all_written(disk), "snapshots are missing and nobody says so")
            disk.clear()
            engine.stop()
            engine.start()
            expect(self._question(engine) == first, "answers differ when there is room again")
            expect(self._all_written(disk), "snapshots are not written when there is room again")
        finally:
            engine.client.close()
            engine.stop()
        self.seen["snapshots: " + ("no room" if full else "had room")] += 1
        return f"snapshots with {rest // 1024} KiB: {'the engine goes on without' if full else 'written'}"

    def _all_written(self, disk: Disk) -> bool:
        return len(list(disk.place.rglob("*.snapshot"))) == len(store.county_versions()) + 1

    def _question(self, engine: Serving) -> object:
        sources = [id for (id,) in self._here.query("SELECT id FROM energy_source ORDER BY 1")]
        body = {"out": sources, "include": ["customers", "elements", "districts"]}
        answer = engine.client.post("/v1/outage-impact", json=body)
        expect(answer.status_code == 200, f"the engine answers {answer.status_code}: {answer.text}")
        return {key: one for key, one in answer.json().items() if key != "as_of"}


def _server_on_a_disk(here: Surroundings, stack: ExitStack) -> tuple[Surroundings, Disk]:
    """A PostgreSQL of its own whose data lies on a small disk."""
    disk = Disk(here.home / "full-server", SERVER_MIB * MIB)
    stack.callback(disk.unmount)
    cluster = LocalCluster(disk.place / "home", settings=SMALL_LOG)
    stack.callback(_stop, cluster)
    cluster.start()
    there = Surroundings(disk.place / "home", cluster)
    migrate(there)
    return there, disk


def _stop(cluster: LocalCluster) -> None:
    with suppress(ClusterError):
        cluster.stop()


def _expect_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    lines = done.stderr.strip().splitlines()
    expect(len(lines) == 1, f"instead of one sentence: {done.stderr}")
    expect("Traceback" not in done.stderr, f"not a sentence: {done.stderr}")
    expect(any(word in lines[0] for word in words), f"the sentence does not say why: {lines[0]}")


def _bytes_below(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes() if path.is_file() else b""
        for path in sorted(place.rglob("*"))
        if path.name != "ballast"
    }


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        violated(f"{' '.join(command)}: {done.stderr.strip()}")


@contextmanager
def full_disks(here: Surroundings) -> Iterator[FullDisks]:
    """The campaign; mounts three small file systems, which root alone may."""
    if os.geteuid() != 0:
        raise SystemExit("soak: the campaign `disk` mounts small file systems: run it as root")
    here.empty_database()
    with ExitStack() as stack:
        yield FullDisks(here, stack)
