"""New customers tried one at a time on a feeder, as schemes prove them, beside power-grid-model's batch.

The feeder is a grid like any other. Its customers draw all that they have contracted, at once: then what
flows is the plain sum of loads, which is what the peer knows. Ours works out the present state of the feeder
anew each time, which the engine keeps between questions. What each new customer spares for others, which
schemes are proved by as well, is no voltage of his and not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.pairing import Contest, LeftOut, quickest
from benchmarks.setting import Setting
from gis_service.kernels.compiled import F64, I64
from gis_service.network.build import build_topology
from gis_service.network.switching import loaded_state
from gis_service.network.text import parse_grid
from gis_service.planning.reckoned import Reckoned, reckon
from gis_service.planning.rules import default_rules, overridden
from gis_service.planning.supply_tree import supply_tree

NAME = "planning-flows"
NODES, CANDIDATES = 1_400, 100
TOLERANCE = 1e-8
RATED_KV = 10.0
BASE_VA = 1e6
NEW_KVA = 400.0


@dataclass(frozen=True)
class Study:
    """A feeder, and places where a new customer may be connected, each by a line of its own (per unit)."""

    reckoned: Reckoned
    at: I64
    r: F64
    x: F64


@dataclass(frozen=True, eq=False)
class Voltages:
    """The voltage at each new customer, equal to others within 1e-6 per unit."""

    values: F64

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Voltages) and bool(np.abs(self.values - other.values).max() < 1e-6)


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """One feeder of 10 kV, as many nodes as a long one has, 100 candidates."""
    if find_spec("power_grid_model") is None:
        yield LeftOut(NAME, "power-grid-model is not installed: pip install 'gridgis[bench]'")
        return
    study = study_of(setting.some(NODES), CANDIDATES)

    def ours(_: None) -> F64:
        kept = study.reckoned  # the grid and its impedances; nothing that was worked out from them
        fresh = Reckoned(kept.tree, kept.rules, kept.r, kept.x, kept.rated, kept.capacity, kept.unknown)
        ones = np.ones(study.at.size)
        return fresh.chains(study.at, ones, NEW_KVA, NEW_KVA, study.r, study.x, spare=False).end

    size = study.reckoned.tree.size - 1
    name, theirs = quickest(_forms(study), [None], Voltages)
    yield Contest(
        name=NAME,
        work=f"{CANDIDATES} new customers, one at a time, on a feeder of {size:,} nodes: voltages as "
        "/v1/supply-schemes proves them",
        peer=f"{name}, to 1e-8 pu",
        ours=ours,
        theirs=theirs,
        same=Voltages,
        goal=30.0,
    )


def study_of(nodes: int, candidates: int) -> Study:
    """A feeder with a transformer at every tenth node or so, and random places."""
    draw = np.random.default_rng(11)
    lines = ["S source n0"]
    for k in range(1, nodes):
        above, metres = k - min(int(draw.geometric(0.6)), k), draw.uniform(2, 25)
        lines.append(
            f"L{k} line n{above} n{k} length={metres:.3f} r={0.17 * metres / 1000:.9f} "
            f"x={0.35 * metres / 1000:.9f}"
        )
        if draw.random() < 0.1:
            lines.append(f"C{k} customer n{k} kva={draw.uniform(10, 50):.3f}")
    topology = build_topology(parse_grid("\n".join(lines)))
    rules = overridden(default_rules(), {"load": {"coincidence": [{"customers": 1, "factor": 1.0}]}})
    tree = supply_tree(topology, loaded_state(topology), np.arange(topology.n_nodes))
    km = draw.uniform(20, 800, candidates) / 1000
    base_ohm = RATED_KV**2 / (BASE_VA / 1e6)
    return Study(
        reckon(tree, rules),
        draw.integers(1, tree.size, candidates),
        km * 0.32 / base_ohm,
        km * 0.36 / base_ohm,
    )


def _forms(study: Study) -> dict[str, Callable[[Any], Any]]:
    import power_grid_model as pgm

    reckoned, tree = study.reckoned, study.reckoned.tree
    n, m = tree.size, study.at.size
    ohm = RATED_KV**2 / (BASE_VA / 1e6)
    # position 1 is the node of the source, which holds its voltage
    begin = 2
    node = pgm.initialize_array("input", "node", n - 1 + m)
    node["id"], node["u_rated"] = np.arange(1, n + m), RATED_KV * 1e3
    line = pgm.initialize_array("input", "line", n - begin + m)
    line["id"] = 10_000 + np.arange(line.size)
    line["from_node"] = np.concatenate([tree.parent[begin:], study.at])
    line["to_node"] = np.concatenate([np.arange(begin, n), np.arange(n, n + m)])
    line["from_status"] = line["to_status"] = 1
    line["r1"] = np.concatenate([reckoned.r[begin:], study.r]) * ohm
    line["x1"] = np.concatenate([reckoned.x[begin:], study.x]) * ohm
    line["c1"] = line["tan1"] = 0
    own = tree.kva.copy()
    np.subtract.at(own, tree.parent[1:], tree.kva[1:])
    loaded = np.flatnonzero(own[1:] > 1e-6) + 1
    load = pgm.initialize_array("input", "sym_load", loaded.size + m)
    load["id"] = 20_000 + np.arange(load.size)
    load["node"] = np.concatenate([loaded, np.arange(n, n + m)])
    load["status"] = 1
    load["type"] = pgm.LoadGenType.const_power
    power = np.concatenate([own[loaded], np.zeros(m)]) * 1e3
    load["p_specified"], load["q_specified"] = power * reckoned.cosine, power * reckoned.sine
    source = pgm.initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"] = 30_000, 1, 1
    source["u_ref"], source["sk"] = 1.0, 1e15
    model = pgm.PowerGridModel({"node": node, "line": line, "sym_load": load, "source": source})
    # each scenario gives its own new customer its power, and leaves the others at nothing
    change = pgm.initialize_array("update", "sym_load", (m, 1))
    change["id"] = 20_000 + loaded.size + np.arange(m)[:, None]
    change["p_specified"] = NEW_KVA * 1e3 * reckoned.cosine
    change["q_specified"] = NEW_KVA * 1e3 * reckoned.sine

    def asked(method: Any, threading: int) -> Callable[[Any], Any]:
        def ask(_: None) -> Any:
            found = model.calculate_power_flow(
                symmetric=True,
                error_tolerance=TOLERANCE,
                calculation_method=method,
                update_data={"sym_load": change},
                threading=threading,
                output_component_types={pgm.ComponentType.node: ["u_pu"]},
            )
            return found[pgm.ComponentType.node]["u_pu"][np.arange(m), n - 1 + np.arange(m)]

        return ask

    method = pgm.CalculationMethod
    return {
        "power-grid-model batch, Newton-Raphson": asked(method.newton_raphson, -1),
        "power-grid-model batch, Newton-Raphson, all processors": asked(method.newton_raphson, 0),
        "power-grid-model batch, iterative current": asked(method.iterative_current, -1),
        "power-grid-model batch, iterative current, all processors": asked(method.iterative_current, 0),
    }
