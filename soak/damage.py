"""Damage snapshots between two runs of an engine: answers stay the same, and the start tells them.

Bits flipped, files cut, lengthened, emptied, zeroed, swapped or replaced by something else, and engines that
are killed while they write them. The answers to hold against are those of an engine that had no snapshots.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gis_service import store
from gis_service.ingest.package import read_package
from gis_service.snapshots.directory import survey
from soak.campaign import expect, violated
from soak.killing import wait_for
from soak.loads import make_package
from soak.serving import Serving
from soak.surroundings import Surroundings

QUESTIONS = 12
_PAGE = 4096
_HEAD = ("as_of", "grid_version")


def flip_a_bit(path: Path, chance: random.Random) -> None:
    """One bit anywhere."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def cut(path: Path, chance: random.Random) -> None:
    """Nothing from some place on."""
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def lengthen(path: Path, chance: random.Random) -> None:
    """Something behind the end."""
    path.write_bytes(path.read_bytes() + chance.randbytes(chance.randrange(1, 2 * _PAGE)))


def zero_a_page(path: Path, chance: random.Random) -> None:
    """A page of zeros, as a file system leaves that lost a block."""
    content = bytearray(path.read_bytes())
    at = chance.randrange(0, len(content), _PAGE)
    content[at : at + _PAGE] = bytes(min(_PAGE, len(content) - at))
    path.write_bytes(content)


def garble(path: Path, chance: random.Random) -> None:
    """A stretch of noise."""
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    noise = chance.randbytes(min(chance.randrange(1, 1000), len(content) - at))
    content[at : at + len(noise)] = noise
    path.write_bytes(content)


def swap(path: Path, chance: random.Random) -> None:
    """Another snapshot under this name."""
    others = [one for one in path.parent.glob("*.snapshot") if one != path]
    shutil.copy(chance.choice(others), path)


def replace_by_text(path: Path, chance: random.Random) -> None:
    """Something else entirely."""
    path.write_text(f"not a snapshot {chance.random()}\n" * chance.randrange(1, 500))


def empty(path: Path, _chance: random.Random) -> None:
    """A file without content, as after a power cut."""
    path.write_bytes(b"")


def remove(path: Path, _chance: random.Random) -> None:
    """Nothing is told of a file that is not there."""
    path.unlink()


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    flip_a_bit,
    flip_a_bit,
    cut,
    lengthen,
    zero_a_page,
    garble,
    swap,
    replace_by_text,
    empty,
    remove,
)


class DamagedSnapshots:
    """Rounds of damaged snapshots under engines that are started over and over."""

    def __init__(self, here: Surroundings, engine: Serving) -> None:
        self._here = here
        self._engine = engine
        self._questions = _questions(random.Random(1))
        self._strangers: set[str] = set()
        self.seen: Counter[str] = Counter()
        shutil.rmtree(here.home / "snapshots", ignore_errors=True)
        engine.start()
        self._expected = self._answers()

    @property
    def _files(self) -> list[Path]:
        return sorted((self._here.home / "snapshots").rglob("*.snapshot"))

    def run(self, number: int, chance: random.Random) -> str:
        """End the engine, damage what it left, start it, ask."""
        since = self._engine.logged()
        if chance.random() < 0.5:
            self._engine.kill("everything")
        else:
            self._engine.stop()
        done = self._break_a_start(chance) if number % 5 == 0 else self._damage(chance)
        found = survey(self._here.home / "snapshots", thorough=True)
        faulty = self._strangers | {_named(one.path) for one in found if one.fault}
        began = time.monotonic()
        self._engine.start()
        seconds = time.monotonic() - began
        answers = self._answers()
        for (path, body), expected, answer in zip(self._questions, self._expected, answers, strict=True):
            expect(answer == expected, f"{done}: {path} {body} is answered otherwise")
        told = self._told(since)
        for name in faulty:
            lines = [line for line in told if name in line]
            expect(len(lines) == 1, f"{done}: the start tells {lines} of {name}")
        expect(len(told) == len(faulty), f"{done}: the start tells {told}, damaged was {sorted(faulty)}")
        self._all_is_made_again()
        self.seen[done.split(" of ")[0]] += 1
        self.seen["made again"] += len(told)
        return f"{done}: ready after {seconds:.1f} s, {len(told)} told and made again"

    def _damage(self, chance: random.Random) -> str:
        files = self._files
        expect(len(files) > 1, "the engine left no snapshots")
        done: list[str] = []
        self._strangers.clear()
        for path in chance.sample(files, chance.choice((1, 1, 2))):
            damage = chance.choice(DAMAGES)
            damage(path, chance)
            if damage is swap and path.name.startswith("county"):
                self._strangers.add(_named(path))  # sound in itself; the network's is told to be of others
            done.append(f"{damage.__name__.replace('_', ' ')} of {path.name.split('-')[0]}")
        return ", ".join(done)

    def _break_a_start(self, chance: random.Random) -> str:
        """Kill an engine while it writes its snapshots."""
        self._strangers.clear()
        shutil.rmtree(self._here.home / "snapshots")
        self._engine.launch()
        wait_for(lambda: bool(list(self._here.home.glob("snapshots/*/*"))), "the engine writes snapshots")
        time.sleep(chance.uniform(0, 0.1))
        self._engine.kill("everything")
        return "killed while writing them"

    def _told(self, since: int) -> list[str]:
        """The lines of the start on snapshots; the last of them come when all were compared."""

        def compared() -> bool:
            return "compared with their checksums" in self._engine.said(since)

        wait_for(compared, "all counties were compared with their checksums")
        told = self._engine.client.get("/readyz").json()["recovered"]
        lines = [one["said"] for one in told if one["kind"] == "snapshot"]
        said = self._engine.said(since)
        for line in lines:
            expect(f"recovered: {line}" in said, f"the log does not tell {line!r}")
        expect("Traceback" not in said, f"the engine logged: {said}")
        return lines

    def _all_is_made_again(self) -> None:
        done = self._here.gridgis("snapshots", "verify")
        expect(done.returncode == 0, f"snapshots are still damaged: {done.stdout}")
        left = [one for one in survey(self._here.home / "snapshots", thorough=True) if one.fault]
        expect(not left, f"snapshots are still damaged: {left}")

    def _answers(self) -> list[Any]:
        found: list[Any] = []
        for path, body in self._questions:
            answer = self._engine.client.post(path, json=body)
            if answer.status_code != 200:
                violated(f"{path} {body} is answered with {answer.status_code}: {answer.text}")
            found.append({key: one for key, one in answer.json().items() if key not in _HEAD})
        return found


def _named(path: Path) -> str:
    """How a line of the log names a snapshot: county-990001-….snapshot is that of a county."""
    kind, _, rest = path.name.partition("-")
    return f"county {rest.split('-')[0]} " if kind == "county" else "the network "


def _questions(chance: random.Random) -> list[tuple[str, Any]]:
    """Questions that touch every table of every county."""
    tables = store.load_tables()[0]
    parts = ["customers", "districts", "elements", "geometry"]
    asked: list[tuple[str, Any]] = [
        ("/v1/outage-impact", {"out": tables.sources.id.tolist(), "include": parts})
    ]
    for table in (tables.lines, tables.transformers, tables.switches):
        for id in chance.sample(table.id.tolist(), QUESTIONS // 3):
            asked.append(("/v1/outage-impact", {"faults": [id], "include": parts}))
            asked.append(("/v1/trace", {"type": "upstream", "from": [id], "result": parts}))
    return asked


@contextmanager
def damaged_snapshots(here: Surroundings) -> Iterator[DamagedSnapshots]:
    """The campaign, a province loaded and an engine running."""
    here.empty_database()
    store.load_package(read_package(make_package(here, "damaged", customers=1_200, seed=5)))
    engine = Serving(here)
    try:
        yield DamagedSnapshots(here, engine)
    finally:
        engine.client.close()
        engine.stop()
