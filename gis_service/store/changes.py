"""How one learns that counties changed, and which switches were operated meanwhile.

An announcement wakes whoever listens within milliseconds; it can be missed (a broken line, a server that was
restarted), so the versions themselves are what counts. The log of switch operations only grows, so what was
operated since a position is read from there, or from what the register keeps of it, and nothing else is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from psycopg2 import extensions

from gis_service.errors import NotReady
from gis_service.network.tables import Bools
from gis_service.store.by_node import read_by_node
from gis_service.store.database import distributed, in_transaction, session
from gis_service.store.register import mend, recently_switched, stored_versions
from gis_service.store.versions import CHANNEL, CountyVersion, read_versions
from sharding.ready import ready

_TRIES = 20
_STEP_S = 0.05
_COMMITTING = 5  # tries within which a write that its node has comes to stand in the register as well


class ChangeListener:
    """Waits for the announcements of other transactions, also those of other processes."""

    def __init__(self, held: extensions.connection) -> None:
        self._held = held

    def wait(self, timeout_s: float, *, wake: int | None = None) -> dict[str, int]:
        """The counties that changed, in order, each with the newest version announced.

        Empty when nothing was announced within `timeout_s`, or when `wake`, a file descriptor, became
        readable before. A lost connection raises inside the block of `listening`, which tells it as NotReady.
        """
        self._held.poll()
        if not self._held.notifies:
            line = self._held.fileno()
            watched = [line] if wake is None else [line, wake]
            if line in ready(watched, (), timeout_s):
                self._held.poll()
        told: dict[str, int] = {}
        for one in self._held.notifies:
            county, _, version = one.payload.rpartition(" ")
            told[county] = max(int(version), told.get(county, 0))
        self._held.notifies.clear()
        return dict(sorted(told.items()))


@contextmanager
def listening() -> Iterator[ChangeListener]:
    """A listener with a connection of its own; what was announced before the block began is not heard.

    Raises
    ------
    NotReady
        When there is no connection, or it is lost inside the block.
    """
    with session() as held:
        held.autocommit = True
        with held.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        yield ChangeListener(held)


class OperatedSwitches(NamedTuple):
    """Switches as they stand now, in no order, and the versions of their counties at that moment.

    `away` are counties that moved and could not be read, with the reason: nothing is told of them.
    """

    id: list[str]
    open: Bools
    versions: dict[str, CountyVersion]
    away: dict[str, str]


def operated_since(positions: Mapping[str, int | None]) -> OperatedSwitches:
    """How the switches stand that were operated after a position of their county's log.

    What the register keeps is taken from there, all counties as of one moment; a county that is further
    behind is read from its own rows.

    Parameters
    ----------
    positions
        County → number of the last operation already known, or None for all of its switches. A county that
        is not loaded any more is left out, of the versions too.

    Raises
    ------
    NotReady
        When the database does not answer, or a cluster changes faster than it can be read.
    """
    for turn in range(_TRIES):
        with in_transaction(read_only=True) as cursor:
            versions = read_versions(cursor, positions)
            switched, told = recently_switched(cursor, positions)
            further = {county: positions[county] for county in versions if county not in told}
            asked, own, away = further, dict[str, CountyVersion](), dict[str, str]()
            if further and not distributed(cursor):
                rows, own = _read(further)(cursor, list(further))
                switched.update(rows)
                further = {}
        if further:
            parts, away = read_by_node(list(further), _read(further))
            for rows, part in parts:
                switched.update(rows)
                own |= part
            with in_transaction(read_only=True) as cursor:
                again = read_versions(cursor, positions)
        else:
            again = versions
        stands = {county: one for county, one in versions.items() if county not in away}
        # each statement on a cluster has a snapshot of its own, and each node carries a write out in its time
        settled = all(one.version == stands[county].version for county, one in own.items())
        settled = settled and own.keys() >= asked.keys() - away.keys()
        if settled and all(again.get(county) == one for county, one in stands.items()):
            return OperatedSwitches(list(switched), np.array(list(switched.values()), np.bool_), stands, away)
        ahead = [county for county, one in own.items() if one.version > stands[county].version]
        if ahead and turn >= _COMMITTING:
            with in_transaction(counties=ahead) as cursor:
                mend(cursor, ahead)
        time.sleep(_STEP_S)
    raise NotReady("the counties change faster than they can be read; try again in a moment")


def _read(
    positions: Mapping[str, int | None],
) -> Callable[..., tuple[dict[str, bool], dict[str, CountyVersion]]]:
    def read(
        cursor: extensions.cursor, counties: Collection[str]
    ) -> tuple[dict[str, bool], dict[str, CountyVersion]]:
        versions = stored_versions(cursor, counties)
        rows = [row for county in versions for row in _operated(cursor, county, positions[county])]
        # what moved meanwhile is left out, and read again
        after = stored_versions(cursor, counties)
        return dict(rows), {county: one for county, one in versions.items() if after.get(county) == one}

    return read


def _operated(cursor: extensions.cursor, county: str, position: int | None) -> list[tuple[str, bool]]:
    query = "SELECT id, open FROM switch WHERE county_code = %(county)s"
    if position is not None:
        query += (
            " AND id IN (SELECT switch_id FROM switch_operation"
            " WHERE county_code = %(county)s AND id > %(position)s)"
        )
    cursor.execute(query, {"county": county, "position": position})
    return cursor.fetchall()
