"""Grid packages into the database, county by county, each whole or not at all.

A county is first copied into temporary tables, which vanish with the process; then one transaction takes the
old county out and puts the new one in. Readers see the old county whole until that commits. Trusts that the
package is valid in itself; what other stored counties have to say is checked again here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2 import errors, extensions, sql

from gis_service.errors import Conflict, InvalidInput, UnknownId
from gis_service.ingest.frames import GridPackage
from gis_service.store.county_rows import (
    ids_by_layer,
    make_staging,
    put_county,
    put_in,
    stage,
    stored_ids_by_layer,
    take_out,
)
from gis_service.store.database import LONG_DEADLINE_S, in_transaction, session
from gis_service.store.locks import hold_for_loading, let_go, lock_commits_of_loads, lock_for_writing
from gis_service.store.record import GridTransaction
from gis_service.store.schema import ELEMENT_LAYERS
from gis_service.store.stored_ids import StoredIds, references_to
from gis_service.store.versions import raise_version, read_versions, require_loaded
from sharding.distribute import one_node_at_a_time

_NAMED = 20
_WORTH_ANALYSING = 20_000  # rows; below, autovacuum is soon enough

Progress = Callable[[str, str, int], None]
"""Called with county, layer (or `"commit"`) and the rows just done."""

OnLoaded = Callable[[GridTransaction, Collection[str]], None]
"""Called in the last county's transaction with all counties of the load: sees the new grid, may write."""


def unreported(county: str, layer: str, rows: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class LoadedCounty:
    """What one county's load came to."""

    county: str
    version: int
    replaced: bool
    rows: dict[str, int]
    seconds: float


def load_package(
    package: GridPackage,
    *,
    replace: bool = False,
    keep_switching: bool = False,
    stored: StoredIds | None = None,
    at: datetime | None = None,
    progress: Progress = unreported,
    on_loaded: OnLoaded | None = None,
) -> list[LoadedCounty]:
    """Load every county of a package that has been validated, in the order of their codes.

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
        vanish; another load is under way or came in between. Nothing was changed, unless an earlier county
        of the package had been committed.
    InvalidInput
        The database cannot hold a value; nothing of that county was changed.
    """
    return _load(package, sorted(package.counties), replace, keep_switching, stored, at, progress, on_loaded)


def load_county(
    package: GridPackage,
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
    return _load(package, [county], replace, keep_switching, stored, at, progress, on_loaded)[0]


def rehearse_load(package: GridPackage, *, replace: bool = False) -> None:
    """Refuse what `load_package` would refuse before it begins; changes nothing.

    Raises
    ------
    Conflict
        As `load_package`.
    """
    with in_transaction(deadline_s=LONG_DEADLINE_S) as cursor:
        _refuse_before_any_work(cursor, package, sorted(package.counties), replace)


def unload_county(county: str, *, at: datetime | None = None) -> None:
    """Take one county out of the database; see `unload_counties`."""
    unload_counties([county], at=at)


def unload_counties(counties: Collection[str], *, at: datetime | None = None) -> None:
    """Take counties out of the database, all or none; switch logs and interruptions stay on record.

    Raises
    ------
    UnknownId
        One of them is not loaded.
    Conflict
        Elements of other counties refer to them.
    """
    at = at or datetime.now(UTC)
    leaving = sorted(set(counties))
    with _load_session() as held, held, held.cursor() as cursor:
        one_node_at_a_time(cursor)
        for county in leaving:
            hold_for_loading(cursor, county)
        lock_commits_of_loads(cursor)
        lock_for_writing(cursor, leaving)
        require_loaded(cursor, leaving)
        for county in leaving:
            _refuse_dangling(cursor, stored_ids_by_layer(cursor, county), leaving, "unloaded")
        for county in leaving:
            take_out(cursor, county)
            cursor.execute("DELETE FROM county WHERE code = %s", [county])
            GridTransaction(cursor).end_interruptions_of_absent(county, at)
            raise_version(cursor, county, at, topology=True, loaded=False)


def _load(
    package: GridPackage,
    counties: list[str],
    replace: bool,
    keep_switching: bool,
    stored: StoredIds | None,
    at: datetime | None,
    progress: Progress,
    on_loaded: OnLoaded | None,
) -> list[LoadedCounty]:
    done: list[LoadedCounty] = []
    with _load_session() as held:
        try:
            with held, held.cursor() as cursor:
                for county in counties:
                    hold_for_loading(cursor, county)
                _refuse_before_any_work(cursor, package, counties, replace)
                make_staging(cursor)
            for county in counties:
                started = time.perf_counter()
                with held, held.cursor() as cursor:
                    rows = stage(cursor, package, county, progress)
                with held, held.cursor() as cursor:
                    hook = on_loaded if county == counties[-1] else None
                    swap = _Swap(package, county, replace, keep_switching, at or datetime.now(UTC))
                    version, replaced = swap.run(cursor, stored, hook)
                progress(county, "commit", 0)
                done.append(LoadedCounty(county, version, replaced, rows, time.perf_counter() - started))
        except (errors.DataError, errors.IntegrityError) as error:
            said = " ".join(part for part in (error.diag.message_primary, error.diag.message_detail) if part)
            raise InvalidInput(f"the database cannot hold the package: {said}") from error
        if sum(sum(one.rows.values()) for one in done) >= _WORTH_ANALYSING:
            with held, held.cursor() as cursor:
                for layer in ELEMENT_LAYERS:
                    cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(layer.name)))
    return done


@contextmanager
def _load_session() -> Iterator[extensions.connection]:
    """A session for one load, whose locks end with the block, not with the server's tidying up."""
    with session() as held:
        with held, held.cursor() as cursor:  # so that a killed load is noticed, and ends, within seconds
            cursor.execute("SET client_connection_check_interval = '1s'")
        try:
            yield held
        finally:
            if not held.closed:
                held.rollback()
                with held, held.cursor() as cursor:
                    let_go(cursor)


@dataclass(frozen=True)
class _Swap:
    """The one transaction in which the old county goes and the staged one comes."""

    package: GridPackage
    county: str
    replace: bool
    keep_switching: bool
    at: datetime

    def run(
        self, cursor: extensions.cursor, stored: StoredIds | None, on_loaded: OnLoaded | None
    ) -> tuple[int, bool]:
        one_node_at_a_time(cursor)
        lock_commits_of_loads(cursor)
        loaded = read_versions(cursor)
        # What the hook finds may concern any county, so it holds them all, locked in the common order.
        lock_for_writing(cursor, {self.county, *(loaded if on_loaded else ())})
        if stored is not None:
            now = {code: one.topology_version for code, one in loaded.items()}
            _refuse_if_others_moved(stored.topology_versions, now, self.package.counties)
        replaced = self.county in loaded
        if replaced and not self.replace:
            raise _exists([self.county])
        states: dict[bool, list[str]] = {}
        if replaced:
            gone = _gone(stored_ids_by_layer(cursor, self.county), ids_by_layer(self.package, self.county))
            _refuse_dangling(cursor, gone, self.package.counties, "replaced")
            if self.keep_switching:
                states = _switch_states(cursor, self.county)
            take_out(cursor, self.county)
        put_county(cursor, self.package, self.county)
        put_in(cursor, self.county)
        for open_, ids in states.items():
            cursor.execute(
                "UPDATE switch SET open = %s, open_at_load = %s WHERE county_code = %s AND id = ANY(%s)",
                [open_, open_, self.county, ids],
            )
        write = GridTransaction(cursor)
        write.end_interruptions_of_absent(self.county, self.at)
        version = raise_version(cursor, self.county, self.at, topology=True)
        if on_loaded is not None:
            on_loaded(write, self.package.counties)
        return version, replaced


def _refuse_before_any_work(
    cursor: extensions.cursor, package: GridPackage, counties: Collection[str], replace: bool
) -> None:
    loaded = [code for code in read_versions(cursor) if code in counties]
    if loaded and not replace:
        raise _exists(loaded)
    for county in loaded:
        gone = _gone(stored_ids_by_layer(cursor, county), ids_by_layer(package, county))
        _refuse_dangling(cursor, gone, package.counties, "replaced")


def _exists(counties: Collection[str]) -> Conflict:
    what = f"county {', '.join(counties)} is" if len(counties) == 1 else f"counties {', '.join(counties)} are"
    return Conflict(f"{what} already loaded: use --replace to put the package in its place")


def _refuse_if_others_moved(before: Mapping[str, int], now: Mapping[str, int], ours: Collection[str]) -> None:
    moved = sorted(code for code in before.keys() | now.keys() if before.get(code) != now.get(code))
    others = [code for code in moved if code not in ours]
    if others:
        raise Conflict(
            f"county {', '.join(others)} was loaded meanwhile: start again, so that it is checked against"
        )


def _refuse_dangling(
    cursor: extensions.cursor, gone: dict[str, Collection[str]], together: Collection[str], what: str
) -> None:
    referring = references_to(cursor, gone, outside=together)
    if not referring:
        return
    named = "; ".join(map(str, referring[:_NAMED]))
    more = f"; and {len(referring) - _NAMED} more" if len(referring) > _NAMED else ""
    raise Conflict(
        f"county {', '.join(together)} cannot be {what}, because other counties refer to elements that would "
        f"vanish: {named}{more}; keep these elements, or have the counties {what} together"
    )


def _gone(
    old: Mapping[str, Collection[str]], new: Mapping[str, Collection[str]]
) -> dict[str, Collection[str]]:
    return {layer: set(ids) - set(new.get(layer, ())) for layer, ids in old.items()}


def _switch_states(cursor: extensions.cursor, county: str) -> dict[bool, list[str]]:
    cursor.execute("SELECT open, array_agg(id) FROM switch WHERE county_code = %s GROUP BY open", [county])
    return dict(cursor.fetchall())
