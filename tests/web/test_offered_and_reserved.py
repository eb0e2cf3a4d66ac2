"""What is offered can be reserved, and what would harm somebody admitted before is not offered.

The oracle is power-grid-model over the whole grid, drawn here as one tree: the customers, every reservation
at the end of its own line, and the customer in question. It says who keeps which limit of voltage before and
after. The engine's offers, its rejections and its decisions about reservations must all agree with it.

::

    S ─ n1 ─[CB]─ n2 ─ L1 ─ n3 ─ L2 ─ n4 ─ L4 ─ n10 ─ C5
                            │  │      │
                            │ (T1)   (T2)
                            │  │      │
                            │  n5     n8 ─ C2
                            │  W1     W2
                            │  n6     n9 ─ C3
                           L3
                            n7 ─ C4
"""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from gis_service.network.text import parse_grid
from gis_service.planning.rules import default_rules
from tests.drawn import package_of
from tests.kernels.test_powerflow import voltages_of_power_grid_model
from tests.live import LiveEngine, load
from tests.web.test_problems import problem

GRID = """
@450101
ST substation
n1 node substation=ST
n5 node kv=0.4
n6 node kv=0.4
n8 node kv=0.4
n9 node kv=0.4
S  source n1
CB breaker n1 n2 feeder=F1
L1 line n2 n3 r=1.2 x=0.9 length=900 rated=300
L2 line n3 n4 r=1.1 x=0.8 length=800 rated=300
L3 line n3 n7 r=0.8 x=0.6 length=600 rated=300
L4 line n4 n10 r=0.9 x=0.7 length=700 rated=300
T1 transformer n3 n5 kva=400
D1 district T1
W1 line n5 n6 kv=0.4 r=0.03 x=0.02 length=100 rated=400
C1 customer n6 kva=45
T2 transformer n4 n8 kva=400
D2 district T2
C2 customer n8 kva=80
W2 line n8 n9 kv=0.4 r=0.035 x=0.02 length=110 rated=400
C3 customer n9 kva=40
C4 customer n7 kva=300
C5 customer n10 kva=700
"""
UK_PERCENT, PK_KW = 4.0, 4.3
MOST_DROP_PERCENT = {"low": 4.0, "medium": 4.4}
LOWEST_PU = {"low": 0.92, "medium": 0.953}
LIMITS = {
    "off_corridor_m": 900,
    "voltage_drop_percent": MOST_DROP_PERCENT,
    "lowest_pu": LOWEST_PU,
    "supply_radius_m": {"low": {"town": 2000}, "medium": {"town": 20000}},
}
RULES = {"load": {"coincidence": [{"customers": 1, "factor": 1.0}]}, "limits": LIMITS}
TABLES = parse_grid(GRID)
TABLES = replace(
    TABLES,
    transformers=replace(
        TABLES.transformers,
        uk_percent=np.full(2, UK_PERCENT),
        pk_kw=np.full(2, PK_KW),
        rated_kva=np.full(2, 400.0),
    ),
)
ANGLE = complex(0.95, (1 - 0.95**2) ** 0.5)

_keys = itertools.count()


class Supplied(NamedTuple):
    """Somebody new: where he joins, what he draws, and his line."""

    attach: dict[str, Any]
    conductor: str
    length_m: float
    kva: float

    @classmethod
    def of(cls, scheme: dict[str, Any], kva: float) -> Supplied:
        return cls(scheme["attach"], scheme["conductor"], scheme["route"]["length_m"], kva)


class Drawn:
    """The grid as one tree in per unit on 1 MVA, to which customers are added."""

    def __init__(self) -> None:
        self.above: dict[str, tuple[str, complex]] = {}
        self.kv = dict(zip(TABLES.nodes.id.tolist(), TABLES.nodes.base_voltage_kv.tolist(), strict=True))
        lines, switches, transformers = TABLES.lines, TABLES.switches, TABLES.transformers
        for k in range(len(lines)):
            z = complex(lines.r_ohm[k], lines.x_ohm[k]) / lines.base_voltage_kv[k] ** 2
            self.above[lines.to_node[k]] = lines.from_node[k], z
        self.above[switches.to_node[0]] = switches.from_node[0], 1e-7
        size, r = UK_PERCENT / 100 / 0.4, PK_KW / 400 / 0.4
        for k in range(2):
            z = complex(r, (size**2 - r**2) ** 0.5)
            self.above[transformers.to_node[k]] = transformers.from_node[k], z
        customers = TABLES.customers
        self.draws: dict[str, float] = defaultdict(float)
        for node, kva in zip(customers.node_id.tolist(), customers.contracted_kva.tolist(), strict=True):
            self.draws[node] += kva
        self.taps: dict[str, list[tuple[float, str]]] = {}

    def add(self, name: str, one: Supplied) -> None:
        joins, line = one.attach["node_id"], one.attach["id"]
        if joins is None:
            row = TABLES.lines.id.tolist().index(line)
            at, fraction = f"{name} tap", one.attach["fraction"]
            whole = complex(TABLES.lines.r_ohm[row], TABLES.lines.x_ohm[row]) / 100.0
            taps = sorted([*self.taps.get(line, []), (fraction, at)])
            self.taps[line] = taps
            self.kv[at] = 10.0
            before, since = str(TABLES.lines.from_node[row]), 0.0
            for share, node in [*taps, (1.0, str(TABLES.lines.to_node[row]))]:
                self.above[node] = before, max(abs(whole) * (share - since), 1e-7) / abs(whole) * whole
                before, since = node, share
            joins = at
        (own,) = [each for each in default_rules().conductor if each.name == one.conductor]
        z = complex(own.r_ohm_per_km, own.x_ohm_per_km) * one.length_m / 1000 / self.kv[joins] ** 2
        self.above[name], self.kv[name] = (joins, z or 1e-7), self.kv[joins]
        self.draws[name] = one.kva

    def stands(self) -> dict[tuple[str, str], float]:
        """Of everybody who draws and each limit, by how much it is kept (below 0: missed)."""
        names = ["n1"]
        for name in names:
            names += [below for below, (over, _) in self.above.items() if over == name]
        parent = np.array([-1, *(names.index(self.above[one][0]) for one in names[1:])], np.int32)
        z = np.array([0j, *(self.above[one][1] for one in names[1:])], np.complex128)
        s = np.array([self.draws[one] / 1000 * ANGLE for one in names], np.complex128)
        volts = np.abs(voltages_of_power_grid_model((parent, z, s), source_va=1e15))
        volt = dict(zip(names, volts.tolist(), strict=True))
        found: dict[tuple[str, str], float] = {}
        for one in (name for name in names if self.draws[name]):
            low = self.kv[one] < 1
            begin = one
            while begin in self.above and (not low or self.kv[begin] < 1):
                over = self.above[begin][0]
                if low and self.kv[over] > 1:
                    break
                begin = over
            level = "low" if low else "medium"
            drop = 100 * (volt[begin] - volt[one])
            found[one, "voltage_drop"] = MOST_DROP_PERCENT[level] - drop
            found[one, "lowest_voltage"] = volt[one] - LOWEST_PU[level]
        return found


def missed(held: dict[str, Supplied], new: Supplied) -> tuple[set[tuple[str, str]], float]:
    """Who would miss a limit that he keeps, the new one included; and how near to it the nearest comes."""
    before, after = Drawn(), Drawn()
    for name, one in held.items():
        before.add(name, one)
        after.add(name, one)
    after.add("new", new)
    then, now = before.stands(), after.stands()
    found = {key for key, spare in now.items() if spare < 0 <= then.get(key, 0.0)}
    return found, min(abs(one) for one in [*then.values(), *now.values()])


@pytest.fixture
def engine(live_engine: LiveEngine) -> LiveEngine:
    load(package_of(TABLES))
    live_engine.catch_up()
    return live_engine


def body(question: dict[str, Any], one: Supplied) -> dict[str, Any]:
    return {
        **{key: question[key] for key in ("point", "kva", "rules")},
        "chosen": [{"attach": one.attach, "conductor": one.conductor}],
        "operator": "planner",
        "idempotency_key": f"offered-{next(_keys)}",
    }


@pytest.mark.parametrize("seed", range(6))
def test_offers_rejections_and_decisions_agree_with_power_grid_model(engine: LiveEngine, seed: int) -> None:
    rng = random.Random(seed)
    held: dict[str, Supplied] = {}
    seen: Counter[str] = Counter()
    for step in range(6):
        near = rng.choice(TABLES.nodes.xy.tolist())
        kva = rng.choice([12.0, 30.0, 60.0, 250.0, 600.0, 1100.0])
        point = [near[0] + rng.uniform(-2e-4, 2e-4), near[1] + rng.uniform(-2e-4, 2e-4)]
        question = {"point": point, "kva": kva, "rules": RULES, "k": 20}
        answer = engine.ask("/v1/supply-schemes", question)
        for scheme in answer["schemes"]:
            one = Supplied.of(scheme, kva)
            harmed, nearest = missed(held, one)
            assert not harmed or nearest < 1e-5, (seed, step, scheme["attach"], harmed)
            made = engine.post("/v1/reservations", body(question, one))
            assert made.status_code == 200, made.text
            id = made.json()["reservation"]["id"]
            engine.ask(f"/v1/reservations/{id}/withdraw", {"operator": "planner"})
            seen["offered and reserved"] += 1
        for refused in answer["rejected"]:
            if not refused["limit"].endswith("_of_others"):
                seen["refused for itself"] += 1
                continue
            level = "low" if kva <= 160 and refused["attach"]["kind"] == "district" else "medium"
            for conductor in (each.name for each in default_rules().conductor if each.level == level):
                one = Supplied(refused["attach"], conductor, 0.0, kva)
                # even without any line of his own
                harmed, nearest = missed(held, one)
                told = engine.post("/v1/reservations", body(question, one))
                if told.status_code == 409 and "_of_others" in told.text:
                    binding = problem(told, 409)["binding"]
                    limit = binding["limit"].removesuffix("_of_others")
                    who = binding["element"] or f"R{binding['reservations'][0]}"
                    assert any(key[1] == limit for key in harmed) or nearest < 1e-4, (seed, step, binding)
                    assert who is not None
                    seen["refused for others"] += 1
                else:
                    assert told.status_code == 409, told.text
        if answer["schemes"]:
            scheme = rng.choice(answer["schemes"])
            one = Supplied.of(scheme, kva)
            made = engine.post("/v1/reservations", body(question, one))
            held[f"R{made.json()['reservation']['id']}"] = one
    assert seen["offered and reserved"] >= 10
    assert seen["refused for others"] >= 5
