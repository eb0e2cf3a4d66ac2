"""One county into the tables, in one transaction: the old county goes, the new one comes, its version rises.

A new county is copied straight in: nobody sees its rows before the commit, and the locks are taken after
them, for the moment of the checks. To replace a county its locks are held throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions

from gis_service.store.county_rows import CountyTables, put_county, put_in, take_out
from gis_service.store.database import rely_on
from gis_service.store.journal import finish_run
from gis_service.store.locks import WriteLocks
from gis_service.store.record import GridTransaction
from gis_service.store.refusals import already_loaded, refuse_dangling, refuse_if_others_moved, vanishing
from gis_service.store.steady import hold_counties
from gis_service.store.stored_ids import StoredIds
from gis_service.store.table_turns import Turns
from gis_service.store.versions import CountyVersion, raise_version, read_versions
from sharding.distribute import one_node_at_a_time

Progress = Callable[[str, str, int], None]
"""Called with county, layer and the rows that just became part of the new county."""

OnLoaded = Callable[[GridTransaction, Collection[str]], None]
"""Called in the last county's transaction with all counties of the load: sees the new grid, may write."""


@dataclass(frozen=True, slots=True)
class LoadedCounty:
    """What one county's load came to."""

    county: str
    version: int
    replaced: bool
    rows: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class Terms:
    """What holds for all counties of one load; `together` are the counties that the package brings."""

    together: Collection[str]
    replace: bool
    keep_switching: bool
    stored: StoredIds | None
    at: datetime
    progress: Progress


@dataclass(frozen=True)
class CountyLoad:
    """The transaction of one county.

    Parameters
    ----------
    run
        The county's line in the journal.
    turns
        Shared with the counties whose rows go into the same tables meanwhile.
    await_turn
        Called when the rows are in and before any lock is taken for the commit.
    on_loaded
        None for every county but the last.
    """

    terms: Terms
    county: str
    tables: CountyTables
    run: int
    turns: Turns
    await_turn: Callable[[], None]
    on_loaded: OnLoaded | None

    def execute(self, cursor: extensions.cursor, locks: WriteLocks) -> tuple[int, bool, dict[str, int]]:
        """The county's new version, whether one was replaced, and the rows by layer."""
        one_node_at_a_time(cursor)
        rely_on(cursor, [self.county], only=True)
        hold_counties(cursor, [self.county])
        replaced = self.county in read_versions(cursor)
        if replaced and not self.terms.replace:
            raise already_loaded([self.county])
        states: dict[bool, list[str]] = {}
        if replaced:
            self.await_turn()
            self._lock(cursor, locks)
            states = self._clear(cursor)
        rows = put_in(cursor, self.county, self.tables, self.terms.progress, self.turns)
        if not replaced:
            self.await_turn()
            self._lock(cursor, locks)
        put_county(cursor, self.tables)
        for open_, ids in states.items():
            cursor.execute(
                "UPDATE switch SET open = %s, open_at_load = %s WHERE county_code = %s AND id = ANY(%s)",
                [open_, open_, self.county, ids],
            )
        write = GridTransaction(cursor, locks)
        write.end_interruptions_of_absent(self.county, self.terms.at)
        version = raise_version(cursor, self.county, self.terms.at, topology=True)
        if self.on_loaded is not None:
            self.on_loaded(write, self.terms.together)
        finish_run(cursor, self.county, self.run, sum(rows.values()))
        return version, replaced, rows

    def _lock(self, cursor: extensions.cursor, locks: WriteLocks) -> None:
        """From here on no other load commits; what was checked before must still be true."""
        locks.commits_of_loads(cursor)
        loaded = read_versions(cursor)
        # What the hook finds may concern any county, so it holds them all, locked in the common order.
        locks.counties(cursor, {self.county, *(loaded if self.on_loaded else ())})
        if self.terms.stored is not None:
            self._refuse_if_others_moved(loaded)
        if self.county in loaded and not self.terms.replace:
            raise already_loaded([self.county])

    def _refuse_if_others_moved(self, loaded: dict[str, CountyVersion]) -> None:
        assert self.terms.stored is not None
        now = {code: one.topology_version for code, one in loaded.items()}
        refuse_if_others_moved(self.terms.stored.topology_versions, now, self.terms.together)

    def _clear(self, cursor: extensions.cursor) -> dict[bool, list[str]]:
        """Take the old county out; the switches by their state, where that is to be kept."""
        if read_versions(cursor).keys() - set(self.terms.together):
            gone = vanishing(cursor, self.tables, self.county)
            refuse_dangling(cursor, gone, self.terms.together, "replaced")
        states = _switch_states(cursor, self.county) if self.terms.keep_switching else {}
        take_out(cursor, self.county)
        return states


def _switch_states(cursor: extensions.cursor, county: str) -> dict[bool, list[str]]:
    cursor.execute("SELECT open, array_agg(id) FROM switch WHERE county_code = %s GROUP BY open", [county])
    return dict(cursor.fetchall())
