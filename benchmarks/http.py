"""The outage question over HTTP: the engine's one process beside Django under gunicorn with a recursive CTE.

Both serve the same database on the same machine, one worker each, and are asked in turn by wrk over sixteen
connections: a random one of a few thousand switches each time, or any of them, so that little of what an
answer is made of was asked for shortly before. A figure is the time of a request: the inverse of their rate.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.pairing import LeftOut, Match
from benchmarks.processes import engine_serving, serving
from benchmarks.province import Ground, ground
from benchmarks.served import served_database
from benchmarks.server import server
from benchmarks.setting import Setting
from gis_service.errors import NotReady

CUSTOMERS, COMPARED, CONNECTIONS = 1_000_000, 40, 16
_SOME, _ANY = 2_000, 50_000
_LISTS = ["customers", "districts"]
_ASKED: dict[str, tuple[list[str], int]] = {
    "http-outage-counts": ([], _SOME),
    "http-outage-lists": (_LISTS, _SOME),
    "http-outage-any-counts": ([], _ANY),
    "http-outage-any-lists": (_LISTS, _ANY),
}
"""What is asked for, and of how many switches, where there are as many."""
NAMES = tuple(_ASKED)
_SCRIPT = """local requests = {}
function init(args)
  for id in io.lines(args[1]) do
    local body = '{"out":["' .. id .. '"],"include":' .. args[2] .. '}'
    requests[#requests + 1] =
      wrk.format("POST", "/v1/outage-impact", {["Content-Type"] = "application/json"}, body)
  end
  math.randomseed(7)
end
function request()
  return requests[math.random(#requests)]
end
function done(summary)
  local wrong = summary.errors
  io.write(string.format("requests=%d us=%d wrong=%d\\n", summary.requests, summary.duration,
    wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout))
end
"""


def contests(setting: Setting) -> Iterator[Match | LeftOut]:
    """Counts alone, and the lists of customers and districts."""
    if shutil.which("wrk") is None:
        yield from (LeftOut(name, "wrk is not installed: apt-get install wrk") for name in NAMES)
        return
    if find_spec("gunicorn") is None:
        why = "gunicorn is not installed: pip install 'gridgis[bench]'"
        yield from (LeftOut(name, why) for name in NAMES)
        return
    customers = min(CUSTOMERS, setting.customers)
    here = ground(setting, customers)
    with server(setting) as cluster:
        dsn = served_database(cluster, here, setting)
        script = setting.data / "ask.lua"
        script.write_text(_SCRIPT)
        peer = [sys.executable, "-m", "gunicorn", "-k", "gthread", "-w", "1", "--threads", str(CONNECTIONS)]
        peer += ["--keep-alive", "75", "--log-level", "warning", "-b", "127.0.0.1:{port}"]
        peer += ["benchmarks.http_peer:application"]
        with (
            engine_serving(setting, dsn) as ours,
            serving(
                peer,
                {"PEER_DSN": dsn, "DJANGO_SETTINGS_MODULE": ""},
                ready="/",
                log=setting.data / "gunicorn.log",
            ) as theirs,
        ):
            for name, (include, number) in _ASKED.items():
                listed = " and ".join(include) or "counts alone"
                ids = _ids(here, setting.some(number))
                switches = setting.data / f"switches-{number}.txt"
                switches.write_text("\n".join(ids) + "\n")
                yield Match(
                    name=name,
                    work=f"one of {len(ids):,} switches out, {listed}, {customers:,} customers, over HTTP by "
                    f"{CONNECTIONS} connections",
                    peer="Django without middleware, gunicorn gthread with as many threads, recursive CTE",
                    ours=partial(_per_request, ours, script, switches, include, setting),
                    theirs=partial(_per_request, theirs, script, switches, include, setting),
                    equal=partial(_equal, ours, theirs, ids[:COMPARED], include),
                    goal=15.0,
                    rounds=3,
                )


def _ids(here: Ground, number: int) -> list[str]:
    edges = here.random_switches(number, seed=25)
    names = here.topology.tables.switches.id
    return [str(names[edge - here.topology.first_edge("switch")]) for edge in edges]


def _equal(ours: str, theirs: str, ids: list[str], include: list[str]) -> bool:
    return all(_answer(ours, id, include) == _answer(theirs, id, include) for id in ids)


def _answer(address: str, id: str, include: list[str]) -> Any:
    """An answer as both should give it: without its time, sums rounded as floats allow."""
    body = json.dumps({"out": [id], "include": include}).encode()
    request = urllib.request.Request(
        f"{address}/v1/outage-impact", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    del found["as_of"]
    for one in (found["affected"], *found["by_county"].values(), *found.get("districts", [])):
        one["contracted_kva"] = round(one["contracted_kva"], 3)
    return found


def _per_request(address: str, script: Path, switches: Path, include: list[str], setting: Setting) -> float:
    seconds = 1 if setting.quick else 4
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), address, "--"]
    command += [str(switches), json.dumps(include, separators=(",", ":"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = re.search(r"requests=(\d+) us=(\d+) wrong=(\d+)", done.stdout)
    if told is None or int(told[3]) or not int(told[1]):
        raise NotReady(f"{address} failed under load: {done.stdout.strip()[-300:]}")
    return int(told[2]) / int(told[1]) / 1e6
