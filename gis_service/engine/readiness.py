"""Whether questions can be answered now: the database's nodes, its migrations, the counties it holds."""

from __future__ import annotations

from gis_service import store
from gis_service.engine.columns import Answer
from gis_service.engine.engine import Engine
from gis_service.errors import GridError
from gis_service.store import health


def readiness(engine: Engine, *, warm: bool) -> Answer:
    """`status` is `ready`, or `not ready` with the reasons in `faults`.

    Parameters
    ----------
    warm
        Whether this process has compiled its kernels and read its first world.
    """
    faults: list[str] = []
    nodes: list[Answer] = []
    counties: dict[str, Answer] = {}
    try:
        nodes = health.nodes()
        faults += [f"database node {node['name']} does not answer" for node in nodes if not node["answers"]]
        missing = health.missing_migrations()
        if missing:
            faults.append(f"migrations {', '.join(missing)} are missing: run `python -m gis_service migrate`")
        else:
            counties = {
                county: {
                    "version": one.version,
                    "topology_version": one.topology_version,
                    "loaded_at": one.loaded_at.isoformat(),
                }
                for county, one in store.county_versions().items()
            }
    except GridError as error:
        faults.append(str(error))
    if not warm and not faults:
        faults.append("the kernels are being compiled and the grid is being read")
    held = engine.current.held
    for county, told in counties.items():
        version = None if held is None else held.versions.get(county)
        told["held_version"] = None if version is None else version.version
    return {
        "status": "not ready" if faults else "ready",
        "faults": faults,
        "counties": counties,
        "nodes": nodes,
        "missing_counties": [] if held is None else list(held.missing_counties),
    }
