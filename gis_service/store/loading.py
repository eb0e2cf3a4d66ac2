"""Grid packages into the database, county by county, each whole or not at all.

Readers see the old county whole until the new one commits. New counties may be under way side by side, and
the indexes of an empty grid are built when all rows are in. Trusts a package to be valid in itself; what
other stored counties have to say is checked again here.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial

from psycopg2 import Error, extensions

from gis_service.errors import InvalidInput, UnknownId
from gis_service.store import late_indexes, load_statistics
from gis_service.store.county_load import CountyLoad, LoadedCounty, OnLoaded, Progress, Terms
from gis_service.store.county_rows import CountyTables, Package, tables_of
from gis_service.store.database import LONG_DEADLINE_S, distributed, in_transaction, is_refusal, rely_on
from gis_service.store.journal import begin_runs, forget_runs
from gis_service.store.load_crew import Crew, crew_of
from gis_service.store.locks import hold_for_loading, load_session, write_locks
from gis_service.store.refusals import refuse_before_any_work
from gis_service.store.stored_ids import StoredIds
from gis_service.store.table_turns import Turns
from gis_service.store.versions import read_versions
from sharding.placement import nodes

_WORTH_ANALYSING = 20_000  # rows; below, autovacuum is soon enough
_MANY = 50_000  # rows expected of the load; below, one county after another is as quick
_NEARLY_ALL = 8  # times the counties that are under way when a session is free: statistics may miss those
_AT_ONCE = 2
_AT_ONCE_FOR_A_WORKER, _MOST_AT_ONCE = 2, 8  # on a cluster; each county under way is held in memory


def unreported(county: str, layer: str, rows: int) -> None:
    """Progress that nobody watches."""


def load_package(
    package: Package,
    *,
    replace: bool = False,
    keep_switching: bool = False,
    stored: StoredIds | None = None,
    at: datetime | None = None,
    progress: Progress = unreported,
    on_loaded: OnLoaded | None = None,
) -> list[LoadedCounty]:
    """Load every county of a package that has been validated; what became of each, in the order of codes.

    Parameters
    ----------
    replace
        Counties that are loaded already are replaced; otherwise they are refused.
    keep_switching
        Switches that stay keep their current state instead of taking the package's.
    stored
        What the package was validated against; another load since then is a conflict.
    at
        The time the load counts from; default: now.

    Raises
    ------
    Conflict
        A county is loaded and `replace` was not asked for; another county refers to an element that would
        vanish; another load is under way or came in between. Nothing was changed, unless other counties of
        the package had been committed.
    InvalidInput
        The database cannot hold a value; nothing of that county was changed.
    """
    terms = Terms(package.counties, replace, keep_switching, stored, at or datetime.now(UTC), progress)
    return _Load(package, sorted(package.counties), terms, on_loaded).run()


def load_county(
    package: Package,
    county: str,
    *,
    replace: bool = False,
    keep_switching: bool = False,
    stored: StoredIds | None = None,
    at: datetime | None = None,
    progress: Progress = unreported,
    on_loaded: OnLoaded | None = None,
) -> LoadedCounty:
    """Load one county of a package and leave the others alone; see `load_package`."""
    if county not in package.counties:
        raise UnknownId([county], what="county of the package")
    terms = Terms(package.counties, replace, keep_switching, stored, at or datetime.now(UTC), progress)
    return _Load(package, [county], terms, on_loaded).run()[0]


def rehearse_load(package: Package, *, replace: bool = False) -> None:
    """Refuse what `load_package` would refuse before it begins; changes nothing.

    Raises
    ------
    Conflict
        As `load_package`.
    """
    with in_transaction(deadline_s=LONG_DEADLINE_S) as cursor:
        refuse_before_any_work(cursor, package, sorted(package.counties), replace)


class _Stopped(Exception):
    """Another county of the load failed, so this one is not committed either."""


class _Load:
    """One load, from its first lock to its last index."""

    def __init__(
        self, package: Package, counties: Sequence[str], terms: Terms, on_loaded: OnLoaded | None
    ) -> None:
        self._package = package
        self._counties = list(counties)
        self._terms = dataclasses.replace(terms, progress=self._told)
        self._progress = terms.progress
        self._on_loaded = on_loaded
        self._telling = threading.Lock()
        self._stop = threading.Event()
        self._gathering: list[Future[object]] = []
        self._turns: Turns | None = Turns()

    def run(self) -> list[LoadedCounty]:
        if not self._counties:
            return []
        with ExitStack() as holding, ExitStack() as kept, ThreadPoolExecutor(1) as threads:
            opening = threads.submit(kept.enter_context, load_session())
            holding.enter_context(hold_for_loading(self._counties))
            held = opening.result()
            with held, held.cursor() as cursor:
                rely_on(cursor, self._counties)
                refuse_before_any_work(cursor, self._package, self._counties, self._terms.replace)
                empty = not read_versions(cursor)
                at_once = _sessions(cursor)
                if distributed(cursor):
                    self._turns = None  # a table is many there, on many nodes
                runs = begin_runs(cursor, self._counties, self._terms.at)
            try:
                return self._run(held, runs, empty=empty, at_once=at_once)
            except BaseException:
                with suppress(Error):  # then the journal tells it later
                    held.rollback()
                    with held, held.cursor() as cursor:
                        forget_runs(cursor, runs.values())
                raise

    def _run(
        self, held: extensions.connection, runs: Mapping[str, int], *, empty: bool, at_once: int
    ) -> list[LoadedCounty]:
        first = tables_of(self._package, self._counties[0])
        many = len(self._counties) * sum(map(len, first.values())) >= _MANY
        done: list[LoadedCounty] = []
        with crew_of(held, at_once if many else 1) as crew:
            if many and empty:
                late_indexes.set_aside(held)
            try:
                done = self._load_counties(crew, runs, first)
            finally:
                self._complete(held, crew, sum(sum(one.rows.values()) for one in done))
        for one in self._gathering:
            one.result()
        return done

    def _load_counties(self, crew: Crew, runs: Mapping[str, int], first: CountyTables) -> list[LoadedCounty]:
        loads: list[Future[LoadedCounty]] = []
        rows = 0
        try:
            for number, county in enumerate(self._counties):
                tables = first if number == 0 else tables_of(self._package, county)
                if self._stop.is_set():
                    break
                last = county == self._counties[-1]
                before = tuple(loads) if last else ()
                load = CountyLoad(
                    self._terms,
                    county,
                    tables,
                    runs[county],
                    self._turns or Turns(),
                    partial(self._await_turn, before),
                    self._on_loaded if last else None,
                )
                loads.append(crew.begin(partial(self._load, load)))
                rows += sum(map(len, tables.values()))
                del tables, load
            if rows >= _WORTH_ANALYSING and len(loads) >= _NEARLY_ALL * (crew.size - 1):
                self._gathering = [crew.begin(one) for one in load_statistics.of_all_tables()]
            wait(loads)
            wait(self._gathering)
        except BaseException:
            self._stop.set()
            raise
        failures = [failure for one in loads if (failure := one.exception()) is not None]
        for failure in sorted(failures, key=lambda one: isinstance(one, _Stopped)):
            if isinstance(failure, Error) and is_refusal(failure):
                said = (failure.diag.message_primary, failure.diag.message_detail)
                told = " ".join(part for part in said if part)
                raise InvalidInput(f"the database cannot hold the package: {told}") from failure
            raise failure
        return [one.result() for one in loads]

    def _load(self, load: CountyLoad, held: extensions.connection) -> LoadedCounty:
        started = time.perf_counter()
        try:
            with write_locks() as locks, held, held.cursor() as cursor:
                version, replaced, rows = load.execute(cursor, locks)
        except BaseException:
            self._stop.set()
            raise
        return LoadedCounty(load.county, version, replaced, rows, time.perf_counter() - started)

    def _await_turn(self, before: Sequence[Future[LoadedCounty]]) -> None:
        wait(before)
        if self._stop.is_set():
            raise _Stopped

    def _told(self, county: str, layer: str, rows: int) -> None:
        if self._stop.is_set():
            raise _Stopped
        with self._telling:
            self._progress(county, layer, rows)

    def _complete(self, held: extensions.connection, crew: Crew, rows: int) -> None:
        """Build the indexes that wait for it, and tell the planner of many new rows."""
        if held.closed:
            return  # the load failed because of that, and says so; the next one builds them
        if rows >= _WORTH_ANALYSING and not self._gathering:
            crew.all(load_statistics.of_all_tables())
        waiting = late_indexes.to_build(held)
        crew.all([partial(late_indexes.build, index) for index in waiting])
        crew.all([partial(late_indexes.restore_key, index) for index in waiting if index.is_key])
        if waiting:
            crew.all([late_indexes.wait_for_disk])


def _sessions(cursor: extensions.cursor) -> int:
    """How many counties are worth loading side by side: a cluster takes each in at another node."""
    if not distributed(cursor):
        return _AT_ONCE
    workers = sum(not node.coordinator for node in nodes(cursor))
    return min(_MOST_AT_ONCE, max(_AT_ONCE, _AT_ONCE_FOR_A_WORKER * workers))
