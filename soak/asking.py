"""The answers of a running engine against those of a fresh one in memory, over the same grid and switches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import numpy as np
import orjson

from gis_service.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.outage import Case
from gis_service.engine.traces import TraceAsked
from gis_service.errors import GridError, UnknownId
from gis_service.network.tables import GridTables
from gis_service.tracing.trace import TraceKind
from soak.campaign import expect

_HEAD = ("grid_version", "as_of", "partial", "missing_counties", "loaded_later")
_PARTS = ("customers", "districts", "elements", "geometry")
QUESTIONS = 6
FIXED = 3
KINDS: tuple[TraceKind, ...] = ("upstream", "downstream", "connected", "isolation")

Ask = Callable[[Engine], Any]
Question = tuple[str, dict[str, Any] | None, dict[str, str], Any]
"""Path, body (None for a GET), parameters, and what must come back."""


def with_open(tables: GridTables, opened: set[str]) -> GridTables:
    """The grid with just these switches open."""
    stands = np.array([id in opened for id in tables.switches.id.tolist()], np.bool_)
    return replace(tables, switches=replace(tables.switches, open=stands))


def compare_answers(client: httpx.Client, tables: GridTables, chance: random.Random) -> None:
    """Ask both a few questions about random elements.

    Raises
    ------
    Violation
        Naming the question whose answers differ.
    """
    fresh = Engine(CurrentWorld(HeldTables(tables)), clock=lambda: datetime.now(UTC))
    for path, body, ask in _questions(tables, chance):
        answer = client.get(path) if body is None else client.post(path, json=body)
        expected = _in_memory(fresh, ask)
        found: Any = answer.json()
        if answer.status_code == 200 and isinstance(expected, dict):
            found = {key: value for key, value in found.items() if key not in _HEAD}
        else:
            found = answer.status_code
        expect(found == expected, f"{path} {body} is answered otherwise than by a fresh engine: {found!r}")


def fixed_questions(tables: GridTables, chance: random.Random, since: datetime) -> list[Question]:
    """Questions whose answers no later operation changes.

    Half of them ask for the normal state, half for the moment `since`, at which the switches of `tables`
    stood as they normally do: the latter are read out of the switch log.
    """
    fresh = Engine(CurrentWorld(HeldTables(tables)), clock=lambda: datetime.now(UTC))
    found = []
    for turn, (path, body, ask) in enumerate(_questions(tables, chance, FIXED)):
        world = {"state": "normal"} if turn % 2 else {"at": since.isoformat()}
        expected = _in_memory(fresh, ask)
        found.append((path, None if body is None else {**body, **world}, {} if body else world, expected))
    return found


def without_head(answer: Any) -> Any:
    """An answer without its versions and times."""
    return {key: value for key, value in answer.items() if key not in _HEAD}


def _in_memory(engine: Engine, ask: Ask) -> Any:
    """The answer as a client reads it; the status of a refusal."""
    try:
        answer = orjson.loads(orjson.dumps(ask(engine), option=orjson.OPT_SERIALIZE_NUMPY))
    except GridError as error:
        return 404 if isinstance(error, UnknownId) else 422
    return {key: value for key, value in answer.items() if key not in _HEAD}


def _questions(
    tables: GridTables, chance: random.Random, number: int = QUESTIONS
) -> Iterator[tuple[str, Any, Ask]]:
    nodes, lines = tables.nodes.id.tolist(), tables.lines.id.tolist()
    yield _outage(tables.sources.id.tolist(), [])
    for _ in range(number):
        yield _outage([chance.choice(nodes)], [chance.choice(lines)])
        kind, start = chance.choice(KINDS), chance.choice(lines)
        asked = TraceAsked(kind, [start], result=_PARTS)
        body = {"type": kind, "from": [start], "result": _PARTS}
        yield "/v1/trace", body, partial(Engine.trace, asked=asked)
        customer = chance.choice(tables.customers.id.tolist())
        yield f"/v1/supply-path/{customer}", None, partial(Engine.supply_path, customer_id=customer)


def _outage(out: list[str], faults: list[str]) -> tuple[str, Any, Ask]:
    body = {"out": out, "faults": faults, "include": _PARTS}
    ask = partial(Engine.outage_impact, case=Case(out=out, faults=faults), include=_PARTS)
    return "/v1/outage-impact", body, ask
