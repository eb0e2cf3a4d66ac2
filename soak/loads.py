"""Kill `gridgis load` at any moment: each county is the old one or the new one, and the next load just works.

Two versions of one province take turns, with a larger one into an empty grid now and then. What a county may
hold was read once after loads that nobody disturbed, and compared with the packages then; a reader beside the
loads compares what it sees all the time.
"""

from __future__ import annotations

import random
import select
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg2
from psycopg2.extensions import make_dsn

from gis_service import store
from gis_service.ingest.package import read_package, tables_from_package
from soak.campaign import Violation, expect, violated
from soak.contents import ABSENT, Content, contents, digests
from soak.killing import wait_for
from soak.surroundings import GRIDGIS, ROOT, Surroundings
from tests.store.comparing import assert_same_tables

COUNTIES = 4
CUSTOMERS = 1_200
MANY_CUSTOMERS = 14_000  # enough that a first load takes the indexes away and builds them at the end
MANY_EVERY = 8
TRIES = 10
_NAME = "soak_load"


@dataclass(frozen=True)
class Version:
    """One version of the province: its package, its rows, and how long its load takes."""

    package: Path
    digests: dict[str, str]
    seconds: float
    """from the start of the command to its end"""
    writing_s: float
    """from the first line in the journal of loads to the last commit"""


@dataclass
class Reader:
    """Looks at the counties all the while, and remembers what must not be."""

    here: Surroundings
    allowed: dict[str, set[str]]
    looks: int = 0
    fault: str = ""
    _digest_of: dict[tuple[str, int], str] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read beside the block."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _run(self) -> None:
        pause = 0.1
        while not self._ended.wait(pause):
            began = time.monotonic()
            try:
                found = contents(self.here)
            except psycopg2.Error as error:
                self.fault = self.fault or f"a reader failed: {error}"
                continue
            pause = max(0.1, 2 * (time.monotonic() - began))  # the loads shall have most of the machine
            self.looks += 1
            for county, seen in found.items():
                self._judge(county, seen)

    def _judge(self, county: str, seen: Content) -> None:
        if seen.digest not in self.allowed.get(county, set()):
            self.fault = self.fault or f"a reader saw a mixture in county {county}, version {seen.version}"
        first = self._digest_of.setdefault((county, seen.version), seen.digest)
        if first != seen.digest:
            self.fault = self.fault or f"version {seen.version} of county {county} had two contents"


class KilledLoads:
    """Rounds of killed loads over a province of `COUNTIES` counties."""

    def __init__(self, here: Surroundings, versions: list[Version], reader: Reader) -> None:
        self._here = here
        self._versions = versions
        self._reader = reader
        self._loaded = 2
        self._indexes = _indexes_and_keys(here)
        self.seen: Counter[str] = Counter()

    def run(self, number: int, chance: random.Random) -> str:
        """Kill one load, look, and let the next one through."""
        for _ in range(TRIES):
            target = 2 if number % MANY_EVERY == 0 else int(self._loaded == 0)
            if told := self._kill_and_look(self._versions[target], chance, first=target == 2):
                self._loaded = target
                return told
            self._loaded = target
        raise Violation(f"{TRIES} loads ended before they could be killed")

    def _kill_and_look(self, target: Version, chance: random.Random, *, first: bool) -> str:
        """What happened, or nothing where the load had ended before the moment came."""
        first = first or chance.random() < 0.2
        if first:
            store.unload_counties(target.digests)
        before = contents(self._here)
        moment = self._kill_a_load(target, chance, replace=not first)
        after = contents(self._here)
        new = self._judge(before, after, target)
        begun = self._journal_tells(target, new)
        self._nothing_is_left()
        told = self._complete(target, begun - new)
        expect(not self._reader.fault, self._reader.fault)
        if not moment:
            return ""
        place = _place(len(new), len(target.digests), began=bool(begun) or bool(new))
        self.seen[place] += 1
        self.seen["looks of the reader"] = self._reader.looks
        return f"{'first' if first else 'replacing'} load killed {moment}: {place}; {told}"

    def _kill_a_load(self, target: Version, chance: random.Random, *, replace: bool) -> str:
        """Where it was killed; nothing where it had ended by itself."""
        with _Commits(self._here) as commits:
            child = start_load(self._here, target.package, replace=replace)
            began = time.monotonic()
            try:
                if chance.random() < 0.3:
                    pause = chance.uniform(0, target.seconds)
                    told = "anywhere"
                else:
                    wait_for(lambda: _has_begun(self._here) or child.poll() is not None, "the load writes")
                    number = chance.randrange(len(target.digests))
                    commits.wait(number, child)
                    pause = chance.uniform(0, 1.5 * target.writing_s / len(target.digests))
                    told = f"at commit {number}" if number else "while writing"
                time.sleep(pause)
                ended = child.poll()
            finally:
                child.kill()
                said = child.communicate()[1]
        moment = time.monotonic() - began
        expect(not ended, f"a load failed before it was killed: {said.decode(errors='replace')}")
        wait_for(lambda: _sessions(self._here) == 0, "the killed load's sessions have ended", seconds=20)
        return f"{told} after {moment:.2f} s" if ended is None else ""

    def _judge(self, before: dict[str, Content], after: dict[str, Content], target: Version) -> set[str]:
        """The counties that are new; every other one must be as it was."""
        new: set[str] = set()
        for county, expected in target.digests.items():
            was, now = before.get(county, ABSENT), after.get(county, ABSENT)
            if now.topology_version == was.topology_version:
                expect(now == was, f"county {county} changed without a new version")
            else:
                expect(now.digest == expected, f"county {county} is neither the old one nor the new one")
                expect(
                    now.topology_version == was.topology_version + 1,
                    f"county {county} went from topology {was.topology_version} to {now.topology_version}",
                )
                new.add(county)
        expect(set(after) <= set(target.digests), "there are counties that no package has")
        return new

    def _journal_tells(self, target: Version, new: set[str]) -> set[str]:
        """The counties that the load had begun; the journal must name just those that are not new."""
        unfinished = {one.county_code for one in store.unfinished_loads()}
        expect(not unfinished & new, f"{sorted(unfinished & new)} are told unfinished and are new")
        if unfinished:
            missing = set(target.digests) - new - unfinished
            expect(not missing, f"the journal does not tell that {sorted(missing)} were not finished")
        elif new:
            expect(new == set(target.digests), f"only {sorted(new)} are new and no load is told unfinished")
        return unfinished | new

    def _nothing_is_left(self) -> None:
        left = self._here.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")[0][0]
        expect(left == 0, f"{left} locks of the killed load are left")
        staged = self._here.query(
            "SELECT relname FROM pg_class WHERE relname LIKE 'staged%' OR relpersistence = 't'"
        )
        expect(not staged, f"tables of the killed load are left: {staged}")

    def _complete(self, target: Version, unfinished: set[str]) -> str:
        """The next load goes through and says what it found."""
        done = self._here.gridgis("load", str(target.package), "--replace")
        expect(done.returncode == 0, f"the next load fails: {done.stderr or done.stdout}")
        for county in sorted(unfinished):
            lines = [line for line in done.stdout.splitlines() if "did not finish" in line and county in line]
            expect(lines, f"the next load does not say that the load of {county} did not finish")
        told = [line for line in done.stdout.splitlines() if "did not finish" in line]
        expect(len(told) >= len(unfinished) and (unfinished or not told), f"the next load told {told}")
        found = digests(contents(self._here), target.digests)
        expect(found == target.digests, "the next load did not bring the package")
        expect(not store.unfinished_loads(), "the next load is told unfinished")
        indexes = _indexes_and_keys(self._here)
        expect(indexes == self._indexes, f"indexes and keys are {sorted(indexes)}")
        return f"the next load told of {len(unfinished)} unfinished"


class _Commits:
    """Hears each county of a load when it is committed."""

    def __init__(self, here: Surroundings) -> None:
        self._held = psycopg2.connect(here.dsn)
        self._held.autocommit = True

    def __enter__(self) -> Self:
        with self._held.cursor() as cursor:
            cursor.execute("LISTEN gridgis_county")
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def wait(self, number: int, child: subprocess.Popen[bytes]) -> None:
        """Return when so many counties are committed, or the load has ended."""
        while child.poll() is None and len(self._held.notifies) < number:
            select.select([self._held], [], [], 0.2)
            self._held.poll()


def start_load(here: Surroundings, package: Path, *, replace: bool) -> subprocess.Popen[bytes]:
    """The real command in a process of its own, its sessions named so that they can be found."""
    environment = here.environment(GRIDGIS_ENGINE_DSN=make_dsn(here.dsn, application_name=_NAME))
    command = [*GRIDGIS, "load", str(package), *(["--replace"] if replace else [])]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def make_package(here: Surroundings, name: str, *, customers: int, seed: int) -> Path:
    """A generated province as a package."""
    folder = here.home / "packages" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    sized = ["--counties", str(COUNTIES), "--customers", str(customers), "--seed", str(seed)]
    done = here.gridgis("generate", "province", *sized, "--shapes", "squares", "--force", "-o", str(folder))
    if done.returncode:
        violated(f"the province cannot be generated: {done.stderr}")
    return folder


@contextmanager
def killed_loads(here: Surroundings) -> Iterator[KilledLoads]:
    """The campaign, its two versions loaded once undisturbed."""
    here.empty_database()
    versions = [
        _undisturbed(here, make_package(here, f"version-{k}", customers=customers, seed=k))
        for k, customers in enumerate((CUSTOMERS, CUSTOMERS, MANY_CUSTOMERS))
    ]
    codes = {code for version in versions for code in version.digests}
    allowed = {code: {"", *(version.digests[code] for version in versions)} for code in codes}
    reader = Reader(here, allowed)
    with reader.reading():
        yield KilledLoads(here, versions, reader)


def _undisturbed(here: Surroundings, package: Path) -> Version:
    """Load a package as a whole, and hold the database against it."""
    began = time.monotonic()
    with _Commits(here) as commits:
        child = start_load(here, package, replace=True)
        wait_for(lambda: _has_begun(here) or child.poll() is not None, "the load writes")
        writes = time.monotonic()
        commits.wait(COUNTIES, child)
        writing_s = time.monotonic() - writes
        said = child.communicate()[1]
    expect(child.returncode == 0, f"an undisturbed load fails: {said.decode(errors='replace')}")
    seconds = time.monotonic() - began
    assert_same_tables(store.load_tables()[0], tables_from_package(read_package(package)))
    found = {code: one.digest for code, one in contents(here).items()}
    return Version(package, found, seconds, writing_s)


def _has_begun(here: Surroundings) -> bool:
    return bool(here.query("SELECT EXISTS (SELECT FROM load_run WHERE finished_at IS NULL)")[0][0])


def _sessions(here: Surroundings) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    return int(here.query(query, _NAME)[0][0])


def _indexes_and_keys(here: Surroundings) -> set[str]:
    query = (
        "SELECT indexname FROM pg_indexes WHERE indexdef LIKE %s"
        " UNION ALL SELECT conrelid::regclass || ' by its key' FROM pg_constraint WHERE contype = 'p'"
        " UNION ALL SELECT 'to build: ' || name FROM index_to_build"
    )
    return {str(name) for (name,) in here.query(query, "% USING gist %")}


def _place(new: int, of: int, *, began: bool) -> str:
    if new == of:
        return "killed after its last commit"
    if new:
        return "killed between two commits"
    return "killed before its first commit" if began else "killed before it wrote"
