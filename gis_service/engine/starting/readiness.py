"""Whether questions can be answered now: the database's nodes, its migrations, the counties it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gis_service import store
from gis_service.engine.columns import Answer, rfc3339
from gis_service.engine.engine import Engine
from gis_service.engine.following.follower import Following
from gis_service.engine.following.stored import known_versions
from gis_service.engine.reserving.book import sentences_without_place
from gis_service.engine.starting.recovery import Recovered
from gis_service.engine.world import World
from gis_service.errors import GridError
from gis_service.store import health


def _degraded(nodes: Sequence[Answer], counties: Mapping[str, Answer]) -> list[str]:
    """A sentence for each node that is away, with its counties."""
    told: list[str] = []
    for node in nodes:
        if not node["answers"]:
            theirs = sorted(county for county, one in counties.items() if one["node"] == node["name"])
            told.append(
                f"database node {node['name']} has not answered since {node['away_since']}: "
                f"{'counties ' + ', '.join(theirs) if theirs else 'no county'} cannot be read or written"
            )
    return told


def _notes(engine: Engine, held: World) -> list[str]:
    """What somebody should look at, though every question is answered: reservations that lost their place."""
    try:
        return list(sentences_without_place(engine.book.counted(held.topology).without_place))
    except GridError:
        return []


def readiness(
    engine: Engine, *, warm: bool, following: Following | None = None, recovered: Sequence[Recovered] = ()
) -> Answer:
    """`status` is `ready`, or `not ready` with the reasons in `faults`.

    A node that is away is no such reason, since questions about other counties are answered: `degraded` names
    it and its counties. `notes` tells what waits for a planner.

    Parameters
    ----------
    warm
        Whether this process has compiled its kernels and read its first world.
    following
        How it follows changes; None where every question asks the database.
    recovered
        What the start of this process found and settled.
    """
    faults: list[str] = []
    nodes: list[Answer] = []
    counties: dict[str, Answer] = {}
    stored: dict[str, store.CountyVersion] = {}
    try:
        nodes = health.nodes()
        missing = health.missing_migrations()
        if missing:
            faults.append(f"migrations {', '.join(missing)} are missing: run `python -m gis_service migrate`")
        else:
            stored = store.county_versions()
            holders = health.node_names(stored)
            lost = {node["name"] for node in nodes if not node["answers"]}
            counties = {
                county: {
                    "node": holders[county],
                    "reachable": holders[county] not in lost,
                    "version": one.version,
                    "topology_version": one.topology_version,
                    "loaded_at": one.loaded_at.isoformat(),
                }
                for county, one in stored.items()
            }
    except GridError as error:
        faults.append(str(error))
    if not warm and not faults:
        faults.append("the kernels are being compiled and the grid is being read")
    if following is not None and following.lost and not faults:
        faults.append(f"changes are not followed: the database is silent since {rfc3339(following.heard_at)}")
    held = engine.current.held
    ours = {} if held is None else held.versions
    theirs = known_versions(stored)
    for county, told in counties.items():
        version = ours.get(county)
        told["held_version"] = None if version is None else version.version
    return {
        "status": "not ready" if faults else "ready",
        "faults": faults,
        "degraded": _degraded(nodes, counties),
        "notes": [] if held is None or faults else _notes(engine, held),
        "counties": counties,
        "nodes": nodes,
        "missing_counties": [] if held is None else list(held.missing_counties),
        "follower": None
        if following is None
        else {
            "heard_at": rfc3339(following.heard_at),
            "lag_s": round(following.lag_s, 3),
            "listening": following.listening,
            "reconnects": following.reconnects,
            "counties_behind": sorted(
                county for county in ours.keys() | theirs.keys() if ours.get(county) != theirs.get(county)
            ),
        },
        "recovered": [{"kind": one.kind, "at": rfc3339(one.at), "said": one.said} for one in recovered],
    }
