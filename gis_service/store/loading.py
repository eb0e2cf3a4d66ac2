"""Grid packages into the database, county by county, each whole or not at all.

A county is first copied into temporary tables, which vanish with the process; then one transaction takes the
old county out and puts the new one in. Readers see the old county whole until that commits. Trusts that the
package is valid in itself; what other stored counties have to say is checked again here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2 import Error, extensions, sql

from gis_service.errors import InvalidInput, UnknownId
from gis_service.ingest.frames import GridPackage
from gis_service.store.county_rows import (
    make_staging,
    put_county,
    put_in,
    stage,
    take_out,
)
from gis_service.store.database import LONG_DEADLINE_S, in_transaction, is_refusal
from gis_service.store.locks import hold_for_loading, load_session, lock_commits_of_loads, lock_for_writing
from gis_service.store.record import GridTransaction
from gis_service.store.refusals import (
    already_loaded,
    refuse_before_any_work,
    refuse_dangling,
    refuse_if_others_moved,
    vanishing,
)
from gis_service.store.schema import ELEMENT_LAYERS
from gis_service.store.stored_ids import StoredIds
from gis_service.store.versions import raise_version, read_versions
from sharding.distribute import one_node_at_a_time

_WORTH_ANALYSING = 20_000  # rows; below, autovacuum is soon enough

Progress = Callable[[str, str, int], None]
"""Called with county, step and the rows that just became part of the new county (0 while they are staged)."""

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
        refuse_before_any_work(cursor, package, sorted(package.counties), replace)


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
    with load_session() as held:
        try:
            with held, held.cursor() as cursor:
                for county in counties:
                    hold_for_loading(cursor, county)
                refuse_before_any_work(cursor, package, counties, replace)
                make_staging(cursor)
            for county in counties:
                started = time.perf_counter()
                with held, held.cursor() as cursor:
                    rows = stage(cursor, package, county, progress)
                with held, held.cursor() as cursor:
                    hook = on_loaded if county == counties[-1] else None
                    swap = _Swap(package, county, replace, keep_switching, at or datetime.now(UTC))
                    version, replaced = swap.run(cursor, stored, progress, hook)
                done.append(LoadedCounty(county, version, replaced, rows, time.perf_counter() - started))
        except Error as error:
            if not is_refusal(error):
                raise
            said = " ".join(part for part in (error.diag.message_primary, error.diag.message_detail) if part)
            raise InvalidInput(f"the database cannot hold the package: {said}") from error
        if sum(sum(one.rows.values()) for one in done) >= _WORTH_ANALYSING:
            with held, held.cursor() as cursor:
                for layer in ELEMENT_LAYERS:
                    cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(layer.name)))
    return done


@dataclass(frozen=True)
class _Swap:
    """The one transaction in which the old county goes and the staged one comes."""

    package: GridPackage
    county: str
    replace: bool
    keep_switching: bool
    at: datetime

    def run(
        self,
        cursor: extensions.cursor,
        stored: StoredIds | None,
        progress: Progress,
        on_loaded: OnLoaded | None,
    ) -> tuple[int, bool]:
        one_node_at_a_time(cursor)
        lock_commits_of_loads(cursor)
        loaded = read_versions(cursor)
        # What the hook finds may concern any county, so it holds them all, locked in the common order.
        lock_for_writing(cursor, {self.county, *(loaded if on_loaded else ())})
        if stored is not None:
            now = {code: one.topology_version for code, one in loaded.items()}
            refuse_if_others_moved(stored.topology_versions, now, self.package.counties)
        replaced = self.county in loaded
        if replaced and not self.replace:
            raise already_loaded([self.county])
        states: dict[bool, list[str]] = {}
        if replaced:
            gone = vanishing(cursor, self.package, self.county)
            refuse_dangling(cursor, gone, self.package.counties, "replaced")
            if self.keep_switching:
                states = _switch_states(cursor, self.county)
            take_out(cursor, self.county)
        put_county(cursor, self.package, self.county)
        put_in(cursor, self.county, progress)
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


def _switch_states(cursor: extensions.cursor, county: str) -> dict[bool, list[str]]:
    cursor.execute("SELECT open, array_agg(id) FROM switch WHERE county_code = %s GROUP BY open", [county])
    return dict(cursor.fetchall())
