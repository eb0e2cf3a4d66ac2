"""Questions through the service, over three Citus nodes and over one PostGIS: of one county, and of all.

Two engine processes hold the same grid and are asked the same in turn, over one connection each.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import shapely

from benchmarks.engine_database import empty, working_on
from benchmarks.loading import InMemory
from benchmarks.pairing import Contest
from benchmarks.processes import serving
from benchmarks.server import connect
from benchmarks.setting import Setting
from gis_service.errors import NotReady
from gis_service.home import DSN_VARIABLE

NAMES = ("citus-county", "citus-all", "citus-memory", "citus-operation")
QUESTIONS = 40
ONE_COUNTY_GOAL = 0.667
"""At most 1.5 times plain PostGIS."""

_MOMENT = re.compile(rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^"]*"')
_ADDRESS = re.compile(rb"127\.0\.0\.1:\d+")

Request = tuple[str, str, Any]
"""Method, path and body."""


def contests(package: InMemory, spread: str, plain: str, setting: Setting) -> Iterator[Contest]:
    """Two engines, one over each, asked in turn over one connection each."""
    from gis_service import store

    for dsn in (spread, plain):
        empty(dsn)
        with working_on(dsn):
            store.load_package(package)
        _analyse(dsn)
    store.close_pools()
    with (
        _engine(spread, "over-citus", setting) as ours,
        _engine(plain, "over-postgis", setting) as theirs,
    ):
        _operate(package, ours, theirs)
        for name, (work, requests, goal) in _kinds(package, setting.some(QUESTIONS)).items():
            yield Contest(
                name=name,
                work=f"{work}, over HTTP",
                peer="an engine over one PostGIS",
                ours=partial(_ask, ours),
                theirs=partial(_ask, theirs),
                questions=requests,
                same=_timeless,
                goal=goal,
            )


def _kinds(package: InMemory, number: int) -> dict[str, tuple[str, list[Request], float | None]]:
    boxes, ids, switches = [], [], []
    for county in package.counties:
        tables = package.county_tables(county)
        ids += [(county, id) for id in _spaced(tables["switch"]["id"].to_pylist(), 8)]
        switches += _spaced(tables["switch"]["id"].to_pylist(), 8)
        boxes += [_box(shape) for shape in _spaced(tables["customer_point"]["geom"].to_pylist(), 8)]
    everything = "-180,-90,180,90"
    items = "/ogc/collections/{}/items"
    whatever = [f"{items.format('customer_point')}?bbox={box}&limit=100" for box in _spaced(boxes, number)]
    return {
        "citus-county-box": (
            "up to 100 customer points of a box in one county",
            [("GET", path, None) for path in whatever],
            ONE_COUNTY_GOAL,
        ),
        "citus-county-feature": (
            "one switch by its id",
            [("GET", f"{items.format('switch')}/{id}", None) for _, id in _spaced(ids, number)],
            ONE_COUNTY_GOAL,
        ),
        "citus-county-log": (
            "the last 100 switch operations of one county",
            [("GET", f"/v1/switch-operations?county={county}", None) for county in package.counties],
            ONE_COUNTY_GOAL,
        ),
        "citus-memory-outage": (
            "who loses supply when a switch opens (answered from memory)",
            [("POST", "/v1/outage-impact", {"out": [id]}) for id in _spaced(switches, number)],
            ONE_COUNTY_GOAL,
        ),
        "citus-all-box": (
            "the first 1,000 corridors of all counties, by a box around them",
            [("GET", f"{items.format('corridor')}?bbox={everything}&limit=1000", None)],
            None,
        ),
        "citus-all-log": (
            "the last 100 switch operations of all counties",
            [("GET", "/v1/switch-operations", None)],
            None,
        ),
        "citus-all-moment": (
            "an outage as of a moment in the past: the switch states of all counties",
            [
                ("POST", "/v1/outage-impact", {"out": [id], "at": "2020-01-01T00:00:00Z"})
                for id in switches[:4]
            ],
            None,
        ),
        "citus-operation": (
            "recording one switch operation",
            [("POST", "/v1/switch-operations", [{"id": id, "open": False}]) for id in _spaced(switches, 10)],
            None,
        ),
    }


@contextmanager
def _engine(dsn: str, name: str, setting: Setting) -> Iterator[http.client.HTTPConnection]:
    """A connection to an engine process of that name, which has a home of its own."""
    command = [sys.executable, "-m", "gis_service", "serve", "--port", "{port}"]
    environment = {"GRIDGIS_HOME": str(setting.data / name), DSN_VARIABLE: dsn}
    with (
        serving(command, environment, ready="/readyz", log=setting.data / f"{name}.log") as address,
        closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)) as held,
    ):
        yield held


def _operate(package: InMemory, *engines: http.client.HTTPConnection) -> None:
    """Some operations in every county, so that the logs hold something."""
    for county in package.counties:
        ids = _spaced(package.county_tables(county)["switch"]["id"].to_pylist(), 20)
        batch = [
            {"id": id, "open": False, "at": f"2026-01-0{k % 9 + 1}T00:00:00Z"} for k, id in enumerate(ids)
        ]
        for engine in engines:
            _ask(engine, ("POST", "/v1/switch-operations", batch))


def _ask(engine: http.client.HTTPConnection, asked: Request) -> bytes:
    method, path, body = asked
    sent = None if body is None else json.dumps(body).encode()
    engine.request(method, path, sent, {"Content-Type": "application/json"})
    answer = engine.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise NotReady(f"{method} {path} was answered with {answer.status}: {content[:300]!r}")
    return content


def _timeless(answer: bytes) -> bytes:
    """An answer without moments, versions, addresses and estimates, which differ by their nature."""
    answer = _ADDRESS.sub(b"", _MOMENT.sub(b'""', answer))
    return re.sub(rb'"(number|version|numberMatchedEstimate|\d{6})":\d+', b"", answer)


def _analyse(dsn: str) -> None:
    with closing(connect(dsn)) as held, held.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _box(point: bytes) -> str:
    x, y = shapely.get_coordinates(shapely.from_wkb(point))[0].tolist()
    return f"{x - 0.005:.5f},{y - 0.005:.5f},{x + 0.005:.5f},{y + 0.005:.5f}"


def _spaced(listed: list[Any], number: int) -> list[Any]:
    """So many of them, evenly spread."""
    step = max(1, len(listed) // number)
    return listed[::step][:number]
