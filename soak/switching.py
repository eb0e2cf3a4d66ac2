"""Clients that record switch operations as fast as they can, and what must be true of what they were told.

Each remembers what it sent and what came back: an answer is a promise, a refusal is one too, and where
nothing came back both is possible. The log is then read past the engine, and everything else (how the
switches stand, who was interrupted, from when to when) is worked out again by `tests/oracles/replay.py`.
"""

from __future__ import annotations

import random
import secrets
import select
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
import psycopg2

from gis_service.network.tables import GridTables
from soak.campaign import expect, violated
from tests.oracles import replay

UNCONFIRMED = "sent but not confirmed"
CLIENTS = 3
LATE_SHARE = 0.15
WRITE_DEADLINE_S = 40.0
REST_S = 0.4  # after a batch that was not acknowledged
_LOG = (
    "SELECT county_code, id, switch_id, open, at, recorded_at, reason, operator, idempotency_key"
    " FROM switch_operation ORDER BY county_code, id"
)

Batch = list[dict[str, Any]]


class Asked(Protocol):
    """A database that can be asked past the store."""

    @property
    def dsn(self) -> str:
        """Its address."""

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""


@dataclass
class Sent:
    """One batch: `answer` once it was acknowledged, `refused` when the engine says it wrote nothing."""

    batch: Batch
    answer: bytes = b""
    refused: str = ""

    @property
    def keys(self) -> list[str]:
        """The idempotency keys."""
        return [one["idempotency_key"] for one in self.batch]


_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Clients:
    """A few threads that operate switches until told to stop; `sent` is everything they ever sent.

    `since`: late operations are not of before, when a county was loaded anew: such take effect at the load.
    """

    url: str
    switches: Sequence[str]
    seed: int
    pause_s: float = 0.0
    late_share: float = LATE_SHARE
    since: datetime = _EVER
    sent: list[Sent] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    slowest_s: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def acknowledged(self) -> int:
        """Batches that were answered."""
        return sum(bool(one.answer) for one in self.sent)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Operate switches during the block."""
        threads = [
            threading.Thread(target=self._work, args=[random.Random(f"{self.seed} {k}"), k], daemon=True)
            for k in range(CLIENTS)
        ]
        for one in threads:
            one.start()
        try:
            yield
        finally:
            self._stop.set()
            for one in threads:
                one.join()

    def send(self, client: httpx.Client, sent: Sent) -> None:
        """Send a batch, for the first time or again, and remember what came back."""
        began = time.monotonic()
        try:
            answer = client.post("/v1/switch-operations", json=sent.batch)
        except httpx.TimeoutException:
            self.odd.append(f"{sent.keys} were not answered within {client.timeout.read} s")
            return
        except httpx.TransportError:
            return
        finally:
            with self._lock:
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        with self._lock:
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            if sent.answer and sent.answer != answer.content:
                self.odd.append(f"{sent.keys} sent again were answered otherwise")
            sent.answer = answer.content
        elif answer.status_code == 503 or (answer.status_code == 409 and "repeat" in answer.text):
            if UNCONFIRMED not in answer.text and not sent.answer:
                sent.refused = answer.text
        else:
            self.odd.append(f"{sent.keys} were answered with {answer.status_code}: {answer.text}")

    def _work(self, chance: random.Random, number: int) -> None:
        mine: list[Sent] = []
        with httpx.Client(base_url=self.url, timeout=WRITE_DEADLINE_S, trust_env=False) as client:
            while not self._stop.wait(self.pause_s):
                if mine and chance.random() < 0.1:
                    again = chance.choice(mine)
                    if again.answer:
                        self.send(client, again)
                    continue
                sent = Sent(self._batch(chance, number))
                mine.append(sent)
                with self._lock:
                    self.sent.append(sent)
                self.send(client, sent)
                if not sent.answer and self._stop.wait(REST_S):
                    return

    def _batch(self, chance: random.Random, number: int) -> Batch:
        batch: Batch = []
        for switch in chance.sample(list(self.switches), chance.choice((1, 1, 2, 3))):
            one = {
                "id": switch,
                "open": chance.random() < 0.5,
                "reason": f"round of client {number}",
                "operator": "soak",
                "idempotency_key": secrets.token_hex(8),
            }
            if chance.random() < self.late_share:
                late = datetime.now(UTC) - timedelta(seconds=chance.uniform(0, 3))
                one["at"] = max(late, self.since).isoformat()
            batch.append(one)
        return batch


@dataclass(frozen=True)
class Recorded:
    """One row of the log, read past the engine."""

    county: str
    number: int
    switch: str
    open: bool
    at: datetime
    recorded_at: datetime
    reason: str
    operator: str
    key: str


def read_log(here: Asked) -> list[Recorded]:
    """The log, by county and number."""
    return [Recorded(*row) for row in here.query(_LOG)]


def check_promises(here: Asked, clients: Clients) -> Counter[str]:
    """Hold the log against what was sent and answered, before anything is sent again.

    Raises
    ------
    Violation
        Naming the batch.
    """
    expect(not clients.odd, "; ".join(clients.odd[:3]))
    log = read_log(here)
    by_key = {one.key: one for one in log}
    expect(len(by_key) == len(log), "a key stands in the log twice")
    known = {key for one in clients.sent for key in one.keys}
    expect(by_key.keys() <= known, "the log has operations that nobody sent")
    seen: Counter[str] = Counter()
    for sent in clients.sent:
        there = [key for key in sent.keys if key in by_key]
        expect(len(there) in (0, len(sent.keys)), f"batch {sent.keys} is half in the log: {there}")
        if sent.answer:
            expect(there, f"batch {sent.keys} was acknowledged and is lost")
            _check_answer(here, sent, by_key)
            seen["batches acknowledged"] += 1
        elif sent.refused:
            expect(not there, f"batch {sent.keys} was refused ({sent.refused}) and is in the log")
            seen["batches refused"] += 1
        else:
            seen["batches unanswered, kept" if there else "batches unanswered, not there"] += 1
    _check_numbers(here, log, clients)
    return seen


def send_again(clients: Clients) -> None:
    """Send every batch again that nobody acknowledged, twice: it must come to one operation each."""
    pending = [one for one in clients.sent if not one.answer]
    with httpx.Client(base_url=clients.url, timeout=30, trust_env=False) as client:
        for _ in range(2):
            for sent in pending:
                clients.send(client, sent)
                expect(sent.answer, f"batch {sent.keys} sent again is not acknowledged")
    expect(not clients.odd, "; ".join(clients.odd[:3]))


def check_effects(here: Asked, tables: GridTables) -> list[replay.Done]:
    """Hold switches and intervals against a replay of the log.

    Returns
    -------
    list
        The log as the replay takes it.

    Raises
    ------
    Violation
        Naming what differs.
    """
    done = [replay.Done(one.switch, one.open, one.at) for one in read_log(here)]
    stands = {str(id) for (id,) in here.query("SELECT id FROM switch WHERE open")}
    mine = set(tables.switches.id.tolist())
    expected = replay.open_at(tables, done, datetime.max.replace(tzinfo=UTC))
    expect(stands & mine == expected, f"switches differ from the log: {sorted((stands & mine) ^ expected)}")
    rows = here.query(
        "SELECT customer_id, lower(during), CASE WHEN upper_inf(during) THEN NULL ELSE upper(during) END"
        " FROM interruption"
    )
    found = {(str(id), began, ended) for id, began, ended in rows}
    expect(len(found) == len(rows), "an interval is on record twice")
    wanted = replay.interruptions(tables, done)
    if found != wanted:
        violated(
            f"intervals differ from the log: {len(found - wanted)} too many, {len(wanted - found)} missing, "
            f"such as {sorted(map(str, found ^ wanted))[:3]}"
        )
    return done


def _check_answer(here: Asked, sent: Sent, by_key: dict[str, Recorded]) -> None:
    told = httpx.Response(200, content=sent.answer).json()["operations"]
    for asked, one in zip(sent.batch, told, strict=True):
        row = by_key[asked["idempotency_key"]]
        same = (
            (row.county, row.switch, row.open, row.reason, row.operator)
            == (one["county_code"], one["id"], one["open"], one["reason"], one["operator"])
            and row.at == datetime.fromisoformat(one["at"])
            and row.recorded_at == datetime.fromisoformat(one["recorded_at"])
            and (row.switch, row.open) == (asked["id"], asked["open"])
        )
        expect(same, f"operation {row.key} was acknowledged as {one} and is on record as {row}")


def _check_numbers(here: Asked, log: list[Recorded], clients: Clients) -> None:
    """Numbers in the log have no gaps, and no county stands at an older version than somebody was told."""
    rows = here.query("SELECT county_code, version, last_operation FROM county_version")
    versions = {code: version for code, version, _ in rows}
    for code, _, last in rows:
        numbers = [one.number for one in log if one.county == code]
        expect(numbers == list(range(1, last + 1)), f"the log of county {code} is not 1 to {last}: {numbers}")
    for sent in clients.sent:
        if sent.answer:
            told = httpx.Response(200, content=sent.answer).json()["grid_version"]
            behind = {code: version for code, version in told.items() if version > versions[code]}
            expect(not behind, f"counties stand at {versions}, and somebody was told {behind}")


def pause(here: Asked, seconds: float, *, then_commit: bool) -> str:
    """Let the clients work; `then_commit`: until some transaction has just committed. What was waited for."""
    time.sleep(seconds)
    if not then_commit:
        return f"after {seconds:.2f} s"
    with closing(psycopg2.connect(here.dsn)) as held:
        held.autocommit = True
        with held.cursor() as cursor:
            cursor.execute("LISTEN gridgis_county")
        select.select([held], [], [], 2.0)
    return f"at a commit after {seconds:.2f} s"
