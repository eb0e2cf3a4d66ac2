"""Whole questions of supply schemes over HTTP on the demo grid: the median of a request, one connection."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.pairing import Limit
from benchmarks.processes import engine_serving
from benchmarks.server import database, server
from benchmarks.setting import Setting
from gis_service.errors import NotReady
from gis_service.home import DSN_VARIABLE
from gis_service.ingest.demo import demo_package

NAME = "planning-request"
QUESTIONS = 60
LOADS_KVA = (10.0, 60.0, 150.0, 400.0, 1000.0)
MOST_SECONDS = 0.05


def contests(setting: Setting) -> Iterator[Limit]:
    """New customers of all sizes near customers of the demo grid, three schemes each."""
    with server(setting) as cluster:
        dsn = database(
            cluster, "demo", edition="1", fill=lambda _: _fill(cluster.dsn("demo")), setting=setting
        )
        asked = _questions(setting.some(QUESTIONS))
        with engine_serving(setting, dsn) as address:
            yield Limit(
                name=NAME,
                work=f"POST /v1/supply-schemes on the demo grid, {len(asked)} places near customers, "
                f"{LOADS_KVA[0]:g} to {LOADS_KVA[-1]:g} kVA, k = 3, one connection",
                limit=MOST_SECONDS,
                measure=partial(_median, address, asked),
                right=partial(_adds_up, address, asked),
            )


def _fill(dsn: str) -> None:
    environment = os.environ | {DSN_VARIABLE: dsn}
    with TemporaryDirectory() as directory:
        package = str(Path(directory) / "demo.gpkg")
        for arguments in (["migrate"], ["import", "demo", "-o", package], ["load", package]):
            command = [sys.executable, "-m", "gis_service.cli", *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise NotReady(f"gridgis {arguments[0]}: {done.stderr.strip()[-500:]}")


def _questions(number: int) -> list[bytes]:
    draw = np.random.default_rng(9)
    places: Any = demo_package()["customer_point"].geometry
    chosen = draw.choice(len(places), number, replace=False).tolist()
    return [
        json.dumps(
            {
                "point": [
                    places.iloc[row].x + draw.normal(0, 2e-4),
                    places.iloc[row].y + draw.normal(0, 2e-4),
                ],
                "kva": LOADS_KVA[k % len(LOADS_KVA)],
            }
        ).encode()
        for k, row in enumerate(chosen)
    ]


def _answers(address: str, asked: list[bytes]) -> Iterator[tuple[float, int, bytes]]:
    """Seconds, status and body of each answer."""
    place = urlsplit(address)
    with closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)) as session:
        for body in asked:
            begin = time.perf_counter()
            session.request("POST", "/v1/supply-schemes", body, {"Content-Type": "application/json"})
            answer = session.getresponse()
            told = answer.read()
            yield time.perf_counter() - begin, answer.status, told


def _median(address: str, asked: list[bytes]) -> float:
    return statistics.median(seconds for seconds, *_ in _answers(address, asked))


def _adds_up(address: str, asked: list[bytes]) -> bool:
    """Whether totals are the sums of their parts, cheapest first; 422 is an answer as well."""
    schemes = 0
    for _, status, told in _answers(address, asked):
        if status not in (200, 422):
            return False
        found = json.loads(told).get("schemes", [])
        totals = [one["cost"]["total"] for one in found]
        parts = [
            round(sum(round(part["quantity"] * part["unit_cost"], 2) for part in one["cost"]["parts"]), 2)
            for one in found
        ]
        schemes += len(found)
        if totals != sorted(totals) or totals != parts:
            return False
    return schemes > len(asked)
