"""From the world a question names to the switch states it is asked of."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from gis_service.engine.context import Context, Switching
from gis_service.engine.following.current import (
    CurrentWorld,
    Versions,
    apply_readings,
    same_topology,
)
from gis_service.engine.world import Scene, World
from gis_service.errors import AmbiguousId, CountyAway, Impossible, InvalidInput, NotReady, UnknownId
from gis_service.network.ids import IdIndex
from gis_service.network.switching import SwitchState, loaded_state
from gis_service.network.topology import Topology

CLOCK_SKEW = timedelta(seconds=60)
"""How far ahead another machine's clock may be before its time counts as the future."""

_WAIT_S = 2.0
_WAIT_STEP_S = 0.02

Clock = Callable[[], datetime]


def scene_of(current: CurrentWorld, context: Context, clock: Clock) -> Scene:
    """The switch states a question is asked of, and the moment they stand for.

    Raises
    ------
    InvalidInput
        When `switching` names something that is no switch, or one switch open and closed.
    UnknownId
        For ids of `switching` and counties of `at_least` that are not loaded.
    Impossible
        When `at` lies in the future.
    CountyAway
        When a version of `at_least` is one that cannot be read, because the county's node is away.
    NotReady
        When a version of `at_least` does not come within two seconds, or the database does not answer.
    """
    now = clock()
    if context.at is not None and context.at > now + CLOCK_SKEW:
        raise Impossible(
            f"at: {context.at.isoformat()} lies in the future; switch states are known until now"
        )
    world = _seen_at_least(current, context.at_least)
    missing = world.missing_counties
    if context.state == "normal":
        state, as_of = world.normal, now
    elif context.at is not None:
        world, state, unread = _as_of(current, world, context.at)
        missing = tuple(sorted({*world.missing_counties, *unread}))
        as_of = context.at
    else:
        state, as_of = world.current, now
    return Scene(world, with_what_if(world.topology, state, context.switching), as_of, missing)


def _seen_at_least(current: CurrentWorld, wanted: Mapping[str, int]) -> World:
    world = current.get()
    if not wanted or _reaches(world, wanted):
        return world
    # another replica may have written what nobody has announced here yet
    world = current.recent()
    unknown = sorted(wanted.keys() - world.versions.keys() - current.seen.keys())
    if unknown:
        raise UnknownId(unknown, what="county")
    until = time.monotonic() + _WAIT_S
    while not _reaches(world, wanted):
        away = wanted.keys() & set(world.missing_counties)
        if away and all(one in away for one in wanted if not _reaches(world, {one: wanted[one]})):
            raise CountyAway(sorted(away), "its later state is on a node that does not answer")
        if time.monotonic() > until:
            raise NotReady(_too_early(world, wanted))
        time.sleep(_WAIT_STEP_S)
        world = current.get()
    return world


def _reaches(world: World, wanted: Mapping[str, int]) -> bool:
    return all(
        county in world.versions and world.versions[county].version >= version
        for county, version in wanted.items()
    )


def _too_early(world: World, wanted: Mapping[str, int]) -> str:
    for county, version in sorted(wanted.items()):
        held = world.versions.get(county)
        if held is None:
            break
        if held.version < version:
            return (
                f"county {county} stands at version {held.version}, the question wants {version} at least: "
                f"ask again in a moment, or check the number"
            )
    return f"county {county} has been loaded and is being read: ask again in a moment"


def _as_of(current: CurrentWorld, world: World, at: datetime) -> tuple[World, SwitchState, set[str]]:
    """The states of a moment, read from the log at the very versions of the world returned.

    And the counties whose log could not be read: their switches stand as they do now.
    """
    until = time.monotonic() + _WAIT_S
    while True:
        seen, readings = current.source.switches_at(at)
        unread = readings.away.keys() & world.versions.keys()
        lacking = {*world.missing_counties, *unread}
        if not lacking and _later(seen, world.versions):
            # switched since the world was read: a past moment is told at the later versions
            world = world.switched(world.current, seen)
        if _known(seen, lacking) == _known(world.versions, lacking):
            state = apply_readings(world.topology, loaded_state(world.topology), readings)
            return world, _standing(world, state, readings.as_now), unread
        if time.monotonic() > until:
            raise NotReady(
                "the grid is being loaded, or switched faster than its log can be read: ask again in a moment"
            )
        time.sleep(_WAIT_STEP_S)
        world = current.recent()


def _later(seen: Versions, ours: Versions) -> bool:
    """Whether the same loads were seen, each county at a version that is not before ours."""
    return same_topology(seen, ours) and all(
        one.version >= ours[county].version for county, one in seen.items()
    )


def _known(versions: Versions, lacking: Collection[str]) -> Versions:
    return {county: one for county, one in versions.items() if county not in lacking}


def _standing(world: World, state: SwitchState, counties: Collection[str]) -> SwitchState:
    """A state with the switches of some counties as they stand now."""
    if not counties:
        return state
    of = world.topology.tables.switches.county
    rows = np.flatnonzero(np.logical_or.reduce([of == county for county in sorted(counties)]))
    return state.with_switching(rows.tolist(), world.current.open[rows].tolist())


def with_what_if(
    topology: Topology, state: SwitchState, switching: Sequence[Switching], *, field: str = "switching"
) -> SwitchState:
    """A state with the what-if on top; `field` is how faults name the list.

    Raises
    ------
    InvalidInput, UnknownId
        As `scene_of` says; all faults of the list are named.
    """
    if not switching:
        return state
    rows: dict[int, tuple[int, bool]] = {}
    faults: list[str] = []
    unknown: dict[str, str] = {}
    for k, one in enumerate(switching):
        try:
            row = find_switch(topology.ids, one.id, f"{field}[{k}].id")
        except UnknownId:
            unknown.setdefault(one.id, f"{field}[{k}].id")
            continue
        except InvalidInput as error:
            faults.extend(error.faults)
            continue
        first, open_ = rows.setdefault(row, (k, one.open))
        if open_ != one.open:
            faults.append(
                f"{field}[{k}].open: switch {one.id!r} stands {_word(open_)} in {field}[{first}]; keep one"
            )
    if faults:
        raise InvalidInput(faults[0], faults)
    if unknown:
        raise UnknownId(list(unknown), what="switch", places=unknown)
    return state.with_switching(list(rows), [open_ for _, open_ in rows.values()])


def find_switch(ids: IdIndex, id: str, field: str) -> int:
    """The row of a switch.

    Raises
    ------
    UnknownId
        When nothing has the id.
    InvalidInput
        When another kind of element has it; the fault names `field`.
    """
    try:
        return ids.find(id, layers=("switch",)).row
    except UnknownId:
        try:
            layer = ids.find(id).layer
        except AmbiguousId as error:
            layer = " and a ".join(error.layers)
        fault = f"{field}: {id!r} is a {layer}, not a switch"
        raise InvalidInput(fault, [fault]) from None


def _word(open_: bool) -> str:
    return "open" if open_ else "closed"
