"""Clients that ask about counties where nothing is operated: each answer is known before, and has a deadline.

The counties lie on all nodes of a cluster. Whatever dies, a question that is answered from memory is answered
whole; one that needs the rows is answered whole, or names the counties it lacks and lacks no row of others.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from gis_service.ingest.frames import GridPackage
from gis_service.network.text import parse_grid
from tests.drawn import package_of

DEADLINE_S = 10.0
SECTIONS = 3
_PAUSE_S = 0.05


@dataclass
class Standing:
    """Asks about the counties of a `standing_package`; see `at_work`.

    Parameters
    ----------
    lost
        Counties whose node is being taken away: they alone may be missing.
    loaded
        Counties that are replaced meanwhile: of those that are lost as well, answers from memory may say that
        they are missing (ADR 0016).
    """

    url: str
    counties: Sequence[str]
    lost: Collection[str]
    loaded: Collection[str]
    statuses: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Ask during the block, from memory and from the rows, in a thread for each."""
        threads = [
            threading.Thread(target=self._work, args=[ask], daemon=True)
            for ask in (self._ask_memory, self._ask_rows, self._ask_log)
        ]
        for one in threads:
            one.start()
        try:
            yield
        finally:
            self._stop.set()
            for one in threads:
                one.join()

    def _work(self, ask: Callable[[httpx.Client, str], None]) -> None:
        turn = 0
        with httpx.Client(base_url=self.url, timeout=DEADLINE_S, trust_env=False) as client:
            while not self._stop.wait(_PAUSE_S):
                try:
                    ask(client, self.counties[turn % len(self.counties)])
                except httpx.TransportError as error:
                    self.odd.append(f"{ask.__name__}: no answer within {DEADLINE_S:g} s: {error!r}")
                turn += 1

    def _answer(self, kind: str, client: httpx.Client, method: str, path: str, **sent: Any) -> Any:
        began = time.monotonic()
        answer = client.request(method, path, **sent)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        found = answer.json()
        how = "whole" if answer.status_code == 200 and not found["partial"] else "partial"
        self.statuses[f"{kind} {how if answer.status_code == 200 else answer.status_code}"] += 1
        return found if answer.status_code == 200 else self._refused(path, answer)

    def _refused(self, path: str, answer: httpx.Response) -> None:
        problem = answer.json()
        if answer.status_code != 503 or answer.headers["content-type"] != "application/problem+json":
            self.odd.append(f"{path} was answered with {answer.status_code}: {problem}")

    def _ask_memory(self, client: httpx.Client, county: str) -> None:
        section = 1 + self.statuses.total() % SECTIONS
        body = {"out": [f"K{county}.{section}"], "include": []}
        found = self._answer("from memory", client, "POST", "/v1/outage-impact", json=body)
        if found is None:
            self.odd.append(f"an outage of county {county} was refused")
            return
        # a county that was loaded as its node went away is not in memory: nobody knows what it is joined to
        missing = set(found["missing_counties"])
        told = found["affected"]["customers"], found["partial"]
        if told != (below(section), bool(missing)) or not missing <= set(self.loaded):
            self.odd.append(f"an outage of {body['out']} was answered {found}")
        self._hold(str(body["out"]), missing)

    def _ask_rows(self, client: httpx.Client, _county: str) -> None:
        path = "/ogc/collections/switch/items?limit=10000"
        found = self._answer("of rows", client, "GET", path)
        if found is None:
            return
        missing = set(found["missing_counties"])
        self._hold(path, missing)
        rows: dict[str, set[str]] = {}
        for feature in found["features"]:
            told = feature["properties"]
            rows.setdefault(told["county_code"], set()).add(told["id"])
        for county in self.counties:
            there = rows.get(county, set())
            if there != (set() if county in missing else switches_of(county)):
                self.odd.append(
                    f"{path}: county {county} has the switches {sorted(there)}, "
                    f"missing are said to be {sorted(missing)}"
                )

    def _ask_log(self, client: httpx.Client, county: str) -> None:
        path = f"/v1/switch-operations?county={county}"
        found = self._answer("of the log", client, "GET", path)
        if found is not None and (found["operations"], found["missing_counties"]) != ([], []):
            self.odd.append(f"{path} was answered {found}")
        if found is None and county not in self.lost:
            self.odd.append(f"{path} was refused, and its node is not the one that was taken away")

    def _hold(self, path: str, missing: set[str]) -> None:
        if not missing <= set(self.lost):
            self.odd.append(f"{path} lacks {sorted(missing)}, and {sorted(self.lost)} were taken away")


def standing_package(counties: Collection[str]) -> GridPackage:
    """Each county a feeder of its own.

    ::

    S ─[Q]─ n0 ─[K1]─ n1 ─[K2]─ n2 ─[K3]─ n3      with two customers at each of n1, n2, n3
    """
    lines: list[str] = []
    for code in sorted(counties):
        lines += [f"@{code}", f"S{code} source s{code}", f"Q{code} breaker s{code} n{code}.0 feeder=F{code}"]
        for j in range(1, SECTIONS + 1):
            lines += [
                f"K{code}.{j} load_break_switch n{code}.{j - 1} n{code}.{j}",
                f"C{code}.{j}.a customer n{code}.{j} kva=5",
                f"C{code}.{j}.b customer n{code}.{j} kva=8",
            ]
    return package_of(parse_grid("\n".join(lines)))


def below(section: int) -> int:
    """Customers that the switch of a section supplies, as drawn."""
    return 2 * (SECTIONS + 1 - section)


def switches_of(county: str) -> set[str]:
    """Its switches, as drawn."""
    return {f"Q{county}", *(f"K{county}.{j}" for j in range(1, SECTIONS + 1))}
