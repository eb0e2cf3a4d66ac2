"""Why a supply point does not do, and the cheapest change that would mend it, on a grid read off a drawing.

One corridor along the street; metres behind the lines::

    S1 ─ h ─[B1]─ m0 ─ M1:1000 ─ m1 ─(T1: 50 kVA)─ l0 ─ L1:100 ─ l1 ─ C1: 45 kVA
                                                   │              │
                     street       v0 ──────────────┴── customer ──┴──────────── v1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from gis_service.network.build import build_topology
from gis_service.network.text import parse_grid
from gis_service.planning.corridors import UNKNOWN
from gis_service.planning.refusals import refusals
from gis_service.planning.rules import default_rules, overridden
from gis_service.planning.search import Load
from tests.planning.small import HERE, Question, ask, corridors_of

DRAWN = """
l0  node        kv=0.4
l1  node        kv=0.4
S1  source      h
B1  breaker     h m0   feeder=F1
M1  line        m0 m1  length=1000 r=0.3 x=0.3 rated=200
T1  transformer m1 l0  kva={kva}
D1  district    T1
L1  line        l0 l1  length=100 kv=0.4 r={r} x=0.01 rated=300 construction=underground
C1  customer    l1     kva=45
"""
Places = Mapping[str, tuple[float, float]]
PLACES: Places = {"h": (900, 900), "m0": (900, 890), "m1": (-40, 60), "l0": (-50, 2), "l1": (50, 2)}
LOW_ONLY = {
    "supply_voltage": [{"level": "low", "above_kv": 0, "up_to_kv": 1, "largest_kva": 160}],
    "load": {"power_factor": 1.0},
}


def question(
    kva: float,
    *,
    transformer: int = 50,
    r: float = 0.02,
    places: Places = PLACES,
    more: Mapping[str, Any] | None = None,
) -> Question:
    tables = parse_grid(DRAWN.format(kva=transformer, r=r))
    xy = np.array([places[id] for id in tables.nodes.id.tolist()]) / HERE.scale + [HERE.lon, HERE.lat]
    n = len(tables.transformers)
    tables = replace(
        tables,
        nodes=replace(tables.nodes, xy=xy),
        transformers=replace(tables.transformers, uk_percent=np.full(n, 4.0), pk_kw=np.full(n, 0.5)),
    )
    street = corridors_of(
        [("v0", "v1")], [np.array([[-200.0, 0.0], [200.0, 0.0]])], ["street"], [np.nan], [UNKNOWN]
    )
    rules = overridden(default_rules(), {**LOW_ONLY, **(more or {})})
    return ask(build_topology(tables), rules, [street], Load(kva, 7))


def told(asked: Question) -> list[dict[str, Any]]:
    return refusals(asked.search, asked.blocks)


def test_a_transformer_without_room_is_replaced_by_the_smallest_that_carries_all() -> None:
    (one,) = told(question(30))
    # two customers draw 0.95 of their 75 kVA together, by the steps of the shipped rules
    assert (one["limit"], one["element"], one["attach"]["id"]) == ("transformer_loading", "T1", "D1")
    assert one["value"] == pytest.approx(75 * 0.95 / 50)
    assert one["allowed"] == 1.0
    assert one["relief"]["change"] == "replace transformer T1 by 100 kVA"
    assert one["relief"]["cost"] == 32000.0
    # with it the scheme is there, at what the relief said
    mended = question(30, transformer=100)
    assert told(mended) == []
    (best,) = islice(mended.search.best(), 1)
    assert best.cost + 32000.0 == pytest.approx(one["relief"]["total"], abs=0.01)


def test_a_line_along_which_voltage_falls_too_far_gives_way_to_a_cable() -> None:
    out_of_reach = {**PLACES, "l0": (-900, 2)}
    (one,) = told(question(30, transformer=100, r=0.15, places=out_of_reach))
    assert (one["limit"], one["element"], one["allowed"]) == ("voltage_drop", None, 5.0)
    # 71.25 kVA over 0.15 ohm at 400 V let 6.7 % fall, and the losses a little more
    assert 6.7 < one["value"] < 7.5
    assert one["relief"]["change"] == "replace line L1 by low cable 95"
    assert one["relief"]["cost"] == 100 * (130 + 350)


def test_what_would_harm_a_neighbour_is_mended_by_what_feeds_them_both() -> None:
    """C1 at the end of L1 stands above the limit now, and would not with 30 kVA more through T1."""
    near = {**PLACES, "l1": (-900, 2)}

    def asked(**more: Any) -> Question:
        return question(
            30, places=near, r=0.02, more={"limits": {"lowest_pu": {"low": 0.9911}}, **more}, **transformer
        )

    transformer: dict[str, Any] = {"transformer": 100}
    (one,) = told(asked())
    assert (one["limit"], one["element"], one["reservations"]) == ("lowest_voltage_of_others", "l1", [])
    assert one["value"] < one["allowed"] == 0.9911
    # L1 would help as much or more, but the new customer's power does not flow through it
    assert one["relief"]["change"] == "replace transformer T1 by 315 kVA"
    transformer["transformer"] = 315
    mended = asked()
    assert told(mended) == []
    (best,) = islice(mended.search.best(), 1)
    assert best.cost + one["relief"]["cost"] == pytest.approx(one["relief"]["total"], abs=0.01)


def test_a_point_apart_from_every_corridor_says_how_far_it_is() -> None:
    aside = {**PLACES, "l0": (-50, 200), "l1": (50, 200)}
    (one,) = told(question(5, transformer=100, places=aside))
    assert (one["limit"], one["value"], one["allowed"]) == ("off_corridor", 200.0, 60.0)
    assert one["relief"] is None


def test_a_place_beyond_the_reach_says_how_long_a_reach_would_do() -> None:
    def reaching(metres: float) -> Question:
        limits = {"reach_m": {"low": metres}, "off_corridor_m": 10}
        return question(5, transformer=100, more={"limits": limits})

    # both nodes stand 50 m along the street and 2 m beside it; straight over the field is too far
    (one,) = told(reaching(51.0))
    assert (one["limit"], one["value"], one["allowed"], one["relief"]) == ("reach", 52.0, 51.0, None)
    assert told(reaching(one["value"])) == []


def test_where_all_holds_nothing_is_rejected() -> None:
    assert told(question(5, transformer=100)) == []
