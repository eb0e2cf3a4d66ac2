"""A steady load of questions and reads that nothing may disturb: every answer must come, and be right.

One thread asks an engine over HTTP, another reads counties out of the shards; both compare each answer with
what must come back, and neither takes a refusal for an answer.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from gis_service import store
from gis_service.ingest.package import GridPackage, tables_from_package
from soak.asking import Question, fixed_questions, without_head
from tests.store.comparing import assert_same_tables

PAUSE_S = 0.02
READ_EVERY_S = 0.5
_ITEMS = "/ogc/collections/corridor/items"


@dataclass
class Steady:
    """Questions to the engine at `url` about `package`, as it was loaded, and reads of its part `still`.

    Nobody operates switches in `still`: its rows stay as they are.
    """

    url: str
    package: GridPackage
    still: GridPackage
    since: datetime
    chance: random.Random
    met: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    _questions: list[Question] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Ask and read during the block."""
        self._questions = fixed_questions(tables_from_package(self.package), self.chance, self.since)
        # once before anything is disturbed: the first of its kind may wait for the compiler
        with httpx.Client(base_url=self.url, timeout=300, trust_env=False) as client:
            for question in self._questions:
                self._put(client, *question)
        self.slowest_s = 0.0
        with ExitStack() as stack:
            for work in (self._ask, self._read):
                thread = threading.Thread(target=self._guarded, args=[work], daemon=True)
                thread.start()
                stack.callback(thread.join)
            stack.callback(self._stop.set)
            yield

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is looked for
            self.odd.append(f"{work.__name__} ended with {type(error).__name__}: {error}")

    def _ask(self) -> None:
        corridors = sorted(self.package["corridor"]["id"])
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as client:
            while not self._stop.wait(PAUSE_S):
                self._put(client, *self.chance.choice(self._questions))
                found = self._timed(client, "GET", _ITEMS, None, {"limit": "1000"})
                if found is not None:
                    listed = sorted(one["properties"]["id"] for one in found["features"])
                    self._compare("the items of the map", listed, corridors)

    def _put(
        self, client: httpx.Client, path: str, body: Any, params: Mapping[str, str], expected: Any
    ) -> None:
        """Ask one question and compare the answer."""
        answer = self._timed(client, "GET" if body is None else "POST", path, body, params)
        if answer is not None:
            self._compare(f"{path} {body or params}", without_head(answer), expected)

    def _read(self) -> None:
        expected = tables_from_package(self.still)
        while not self._stop.wait(READ_EVERY_S):
            began = time.monotonic()
            try:
                found, _ = store.load_tables(self.still.counties)
                assert_same_tables(found, expected)
            except Exception as error:  # noqa: BLE001
                self.odd.append(f"reading counties: {type(error).__name__}: {error}")
            self._note("reads of whole counties", began)

    def _timed(
        self, client: httpx.Client, method: str, path: str, body: Any, params: Mapping[str, str]
    ) -> Any:
        """The JSON of an answer; None, and noted as odd, where there was none."""
        what = f"{path} {body or params}"
        began = time.monotonic()
        try:
            answer = client.request(method, path, json=body, params=params)
        except httpx.TransportError as error:
            self.odd.append(f"{what}: {error!r}")
            return None
        self._note("answers", began)
        if answer.status_code != 200:
            self.odd.append(f"{what} was answered with {answer.status_code}: {answer.text[:300]}")
            return None
        return answer.json()

    def _compare(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            self.odd.append(f"{what}: {str(found)[:300]} is not {str(expected)[:300]}")

    def _note(self, what: str, began: float) -> None:
        self.met[what] += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
