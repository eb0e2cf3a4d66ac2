"""One batch of switch operations written: the log, the switches, the interruption intervals, the versions.

An operation that arrives late is put where it belongs in time, and every interval from then on is worked
out again. Everything happens in the transaction it is given, under the locks of all counties.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from gis_service import store
from gis_service.engine.columns import Answer, Rows, rfc3339
from gis_service.engine.customers import counted_by_county
from gis_service.engine.recording.operated import Operated
from gis_service.engine.recording.timeline import Event, intervals, play, which_changed
from gis_service.engine.scene import CLOCK_SKEW, find_switch
from gis_service.engine.world import CountyVersion, Scene, World
from gis_service.errors import Conflict, CountyAway, Impossible, InvalidInput, UnknownId
from gis_service.network.switching import SwitchState
from gis_service.tracing.change import moved, supplied_among

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation of the batch with its switch's row and its time."""

    operated: Operated
    switch: int
    at: datetime


def resolve(world: World, operations: Sequence[Operated], now: datetime) -> list[Asked]:
    """The switches and times of a batch.

    Raises
    ------
    InvalidInput, UnknownId, Impossible
        As `Recorder.record` says.
    """
    asked: list[Asked] = []
    unknown: list[str] = []
    faults: list[str] = []
    for k, one in enumerate(operations):
        if one.at is not None and one.at > now + CLOCK_SKEW:
            raise Impossible(f"[{k}].at: {one.at.isoformat()} lies in the future; record what has happened")
        try:
            row = find_switch(world.topology.ids, one.id, f"[{k}].id")
        except UnknownId:
            unknown.append(one.id)
        except InvalidInput as error:
            faults.extend(error.faults)
        else:
            asked.append(Asked(one, row, now if one.at is None else min(one.at, now)))
    if faults:
        raise InvalidInput(faults[0], faults)
    if unknown:
        raise UnknownId(unknown, what="switch")
    return asked


def known_operations(
    write: store.GridTransaction, operations: Sequence[Operated], counties: Collection[str]
) -> dict[str, store.Operation]:
    """Operations on record in these counties under the batch's keys, each the same as the one sent now.

    Raises
    ------
    Conflict
        Naming the keys that stand for something else.
    """
    sent = {one.idempotency_key: one for one in operations if one.idempotency_key is not None}
    found = write.find_by_idempotency_key(list(sent), counties)
    others = sorted(key for key, one in found.items() if not _is_same(sent[key], one))
    if others:
        raise Conflict(
            f"idempotency_key {', '.join(map(repr, others))} was used for another operation before: "
            f"use a new key for each operation"
        )
    return found


def _is_same(sent: Operated, recorded: store.Operation) -> bool:
    if sent.at is None:
        same_time = recorded.at >= recorded.recorded_at
    else:
        same_time = recorded.at == min(sent.at, recorded.recorded_at)
    content = (sent.id.removeprefix("switch:"), sent.open, sent.reason, sent.operator)
    return same_time and content == (recorded.switch_id, recorded.open, recorded.reason, recorded.operator)


class Written(NamedTuple):
    """What a batch did, the switch states after it, and the new versions of the counties operated in."""

    answer: Answer
    state: SwitchState
    versions: dict[str, CountyVersion]


@dataclass(frozen=True)
class Batch:
    """One batch over one world, under the locks of all counties.

    `away`: counties whose node does not answer, with the reason. They stand as the world has them, for no one
    can write them; a batch that would have to read or write their record is refused.
    """

    world: World
    now: datetime
    asked: Sequence[Asked]
    known: Mapping[str, store.Operation]
    away: Mapping[str, str]

    def write(self, write: store.GridTransaction) -> Written:
        """Write everything and tell what it did."""
        switches = self.world.topology.tables.switches
        fresh = [one for one in self.asked if one.operated.idempotency_key not in self.known]
        since = min((one.at for one in fresh), default=self.now) - _TICK
        later = self._later(write, since)
        fresh = [self._not_before(one, later) for one in fresh]
        done = write.append_operations(
            [
                store.NewOperation(
                    county_code=switches.county[one.switch],
                    switch_id=switches.id[one.switch],
                    open=one.operated.open,
                    at=one.at,
                    recorded_at=self.now,
                    reason=one.operated.reason,
                    operator=one.operated.operator,
                    idempotency_key=one.operated.idempotency_key,
                )
                for one in fresh
            ]
        )
        events = [*map(self._event, later), *map(self._event, done)]
        before = self._state_before(write, since) if later else self.world.current
        changed = which_changed(before, events)
        newest = {one.switch: one for one in sorted(events, key=lambda one: (one.at, one.key))}
        operated = {one.switch for one in fresh}
        after = self.world.current.with_switching(
            sorted(operated), [newest[switch].open for switch in sorted(operated)]
        )
        if fresh:
            write.set_open(
                (switches.county[switch], switches.id[switch], bool(after.open[switch]))
                for switch in sorted(operated)
            )
            if later:
                self._rewrite(write, before, events, since)
            else:
                self._continue(write, before, events)
        bumped = write.bump({switches.county[switch] for switch in operated}, self.now)
        answer = self._told(done, changed, later, after, bumped)
        return Written(answer, after, self._versions(done, bumped))

    def _later(self, write: store.GridTransaction, since: datetime) -> list[store.Operation]:
        """What is on record from a time on; the register tells which counties need not be asked."""
        until = write.operated_until()
        asked = [county for county in self.world.versions if county in until and until[county] >= since]
        later = write.operations_from(since, asked) if self._reached(asked) and asked else []
        if later:  # every interval from then on is worked out again, in every county
            self._reached(self.world.versions)
        return later

    def _reached(self, counties: Iterable[str]) -> bool:
        """True; refuses when one of them is away."""
        lost = sorted(self.away.keys() & set(counties))
        if lost:
            raise CountyAway(lost, f"{self.away[lost[0]]}, and these operations reach into it")
        return True

    def _versions(
        self, done: Sequence[store.Operation], bumped: Mapping[str, int]
    ) -> dict[str, CountyVersion]:
        """The versions of the counties operated in, once this is committed."""
        last = {one.county_code: one.id for one in done}  # numbers rise within a county
        return {
            county: replace(self.world.versions[county], version=version, last_operation=last[county])
            for county, version in bumped.items()
        }

    def _not_before(self, one: Asked, later: Sequence[store.Operation]) -> Asked:
        """An operation of now comes after all the log has of its switch, even if another clock is ahead."""
        if one.operated.at is not None:
            return one
        id = self.world.topology.tables.switches.id[one.switch]
        return replace(one, at=max([one.at, *(known.at for known in later if known.switch_id == id)]))

    def _event(self, one: store.Operation) -> Event:
        row = self.world.topology.ids.row("switch", one.switch_id)
        assert row is not None, one
        return Event(one.at, (one.county_code, one.id), row, one.open)

    def _state_before(self, write: store.GridTransaction, since: datetime) -> SwitchState:
        """How switches stood before `since`; rows lie as in the topology, both by (county, id).

        Of the world's counties alone: one that is loaded for the first time meanwhile is under no lock.
        """
        return SwitchState(write.switch_states_at(since - _TICK, list(self.world.versions)).open)

    def _continue(self, write: store.GridTransaction, before: SwitchState, events: Sequence[Event]) -> None:
        """Nothing on record is later: intervals begin and end, none is rewritten."""
        self._end_stale(write, before)
        for moment in play(self.world.topology, before, events):
            write.close_interruptions(self._customers(moment.regained), moment.at)
            write.open_interruptions(self._customers(moment.lost), moment.at, cause=moment.cause)

    def _end_stale(self, write: store.GridTransaction, before: SwitchState) -> None:
        """End what a load has brought back: intervals that last, of customers who are supplied."""
        lasting = write.lasting_interruptions(self.world.versions.keys() - self.away.keys())
        if not lasting:
            return
        ids = self.world.topology.ids
        known = {customer: ids.row("customer_point", customer[1]) for customer in lasting}
        rows = np.array([row for row in known.values() if row is not None], np.int64)
        lit = set(rows[supplied_among(self.world.topology, before, rows)].tolist())
        stale = [customer for customer, row in known.items() if row is None or row in lit]
        if stale:
            write.close_interruptions(stale, self._last_load())

    def _last_load(self) -> datetime:
        return max((one.loaded_at for one in self.world.versions.values() if one.loaded_at), default=self.now)

    def _rewrite(
        self, write: store.GridTransaction, before: SwitchState, events: Sequence[Event], since: datetime
    ) -> None:
        """Something late: work out every interval from `since` on again, county by county.

        What a county has on record from before it was loaded anew stays as it is: its time begins at the
        load, and operations from before take effect there.
        """
        topology = self.world.topology
        customers = topology.tables.customers
        for county, version in sorted(self.world.versions.items()):
            start = since
            if version.topology_version > 1 and version.loaded_at is not None:
                start = max(since, version.loaded_at)
            moments = list(play(topology, before, [replace(one, at=max(one.at, start)) for one in events]))
            dark = self._interrupted(start, county)
            dark = dark[~supplied_among(topology, before, dark)]
            rows = [
                store.NewInterruption(county, customers.id[one.customer], one.began, one.ended, one.cause)
                for one in intervals(start, dark, moments, customers.county == county)
            ]
            write.replace_interruptions_from(start, rows, counties=[county])

    def _interrupted(self, at: datetime, county: str) -> Rows:
        """Customers of a county whose interval spans a moment, sorted rows."""
        ids = self.world.topology.ids
        spanning = store.interruptions(counties=[county], since=at, until=at + _TICK)
        rows = (ids.row("customer_point", one.customer_id) for one in spanning if one.began < at)
        return np.array(sorted(row for row in rows if row is not None), np.int64)

    def _customers(self, rows: Rows) -> list[store.Customer]:
        customers = self.world.topology.tables.customers
        found = list(zip(customers.county[rows].tolist(), customers.id[rows].tolist(), strict=True))
        self._reached(county for county, _ in found)
        return found

    def _told(
        self,
        done: Sequence[store.Operation],
        changed: Mapping[tuple[str, int], bool],
        later: Sequence[store.Operation],
        after: SwitchState,
        bumped: Mapping[str, int],
    ) -> Answer:
        lost, regained = moved(self.world.topology, self.world.current, after)
        fresh = iter(done)
        told: list[Answer] = []
        for one in self.asked:
            known = self.known.get(one.operated.idempotency_key or "")
            record = known if known is not None else next(fresh)
            key = (record.county_code, record.id)
            told.append(
                {
                    "id": record.switch_id,
                    "county_code": record.county_code,
                    "open": record.open,
                    "at": rfc3339(record.at),
                    "recorded_at": rfc3339(record.recorded_at),
                    "reason": record.reason,
                    "operator": record.operator,
                    "idempotency_key": record.idempotency_key,
                    "changed": known is None and changed[key],
                    "late": any(
                        other.switch_id == record.switch_id and other.at > record.at for other in later
                    ),
                }
            )
        head = Scene(self.world, after, self.now, self.world.missing_counties).head()
        return head | {
            "grid_version": head["grid_version"] | dict(bumped),
            "operations": told,
            "lost": self._moved(lost),
            "regained": self._moved(regained),
        }

    def _moved(self, rows: Rows) -> Answer:
        customers = self.world.topology.tables.customers
        return {
            "customers": len(rows),
            "contracted_kva": math.fsum(customers.contracted_kva[rows].tolist()),
            "by_county": counted_by_county(self.world, rows),
            "ids": customers.id[rows].tolist(),
        }
