"""New loads tried one at a time on a feeder: ours beside a batch of power-grid-model, to one tolerance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.pairing import Contest, LeftOut, quickest
from benchmarks.setting import Setting
from gis_service.kernels.compiled import F64, I32, I64
from gis_service.kernels.powerflow import C128, candidate_flows, radial_flow

NAMES = ("planning-flows",)
NODES, CANDIDATES = 1_400, 100
TOLERANCE = 1e-8
BASE_VA, RATED_V = 1e6, 10_000.0


@dataclass(frozen=True)
class Study:
    """A feeder and the places where a new load may be connected, each with a line of its own."""

    parent: I32
    z: C128
    s: C128
    at: I64
    service: C128
    load: C128


@dataclass(frozen=True, eq=False)
class Voltages:
    """The voltage at each new load, equal to others within what the solvers were asked for."""

    values: F64

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Voltages) and bool(np.abs(self.values - other.values).max() < 1e-6)


def contests(setting: Setting) -> Iterator[Contest | LeftOut]:
    """One feeder of 10 kV, as many nodes as a long one has, 100 candidates."""
    if find_spec("power_grid_model") is None:
        yield LeftOut(NAMES[0], "power-grid-model is not installed: pip install 'gridgis[bench]'")
        return
    study = _study(setting.some(NODES), CANDIDATES)

    def ours(_: None) -> F64:
        base = radial_flow(study.parent, study.z, study.s, tolerance=TOLERANCE)
        return candidate_flows(
            study.parent,
            study.z,
            study.s,
            base=base,
            at=study.at,
            fraction=np.ones(study.at.size),
            service=study.service,
            load=study.load,
            tolerance=TOLERANCE,
        ).customer

    name, theirs = quickest(_forms(study), [None], Voltages)
    yield Contest(
        name=NAMES[0],
        work=f"{CANDIDATES} new loads, one at a time, on a feeder of {study.parent.size:,} nodes, to 1e-8 pu",
        peer=name,
        ours=ours,
        theirs=theirs,
        same=Voltages,
        goal=30.0,
    )


def _study(nodes: int, candidates: int) -> Study:
    draw = np.random.default_rng(11)
    back = np.minimum(draw.geometric(0.6, nodes), np.arange(nodes))
    parent = (np.arange(nodes) - back).astype(np.int32)
    metres = draw.uniform(2, 25, nodes)
    z = metres / 1000 * (0.17 + 0.35j) * BASE_VA / RATED_V**2
    loaded = draw.random(nodes) < 0.1  # where a distribution transformer stands
    s = np.where(loaded, draw.uniform(0.01, 0.05, nodes), 0.0) * (1 + 0.33j)
    return Study(
        parent,
        z.astype(np.complex128),
        s.astype(np.complex128),
        draw.integers(1, nodes, candidates),
        (draw.uniform(20, 800, candidates) / 1000 * (0.32 + 0.36j) * BASE_VA / RATED_V**2).astype(
            np.complex128
        ),
        np.full(candidates, 0.4 * (1 + 0.33j), np.complex128),
    )


def _forms(study: Study) -> dict[str, Callable[[Any], Any]]:
    import power_grid_model as pgm

    n, m = study.parent.size, study.at.size
    ohm = RATED_V**2 / BASE_VA
    node = pgm.initialize_array("input", "node", n + m)
    node["id"], node["u_rated"] = np.arange(n + m), RATED_V
    line = pgm.initialize_array("input", "line", n - 1 + m)
    line["id"] = 10_000 + np.arange(n - 1 + m)
    line["from_node"] = np.concatenate([study.parent[1:], study.at])
    line["to_node"] = np.arange(1, n + m)
    line["from_status"] = line["to_status"] = 1
    z = np.concatenate([study.z[1:], study.service])
    line["r1"], line["x1"] = z.real * ohm, z.imag * ohm
    line["c1"] = line["tan1"] = 0
    loaded = np.flatnonzero(study.s)
    load = pgm.initialize_array("input", "sym_load", loaded.size + m)
    load["id"] = 20_000 + np.arange(load.size)
    load["node"] = np.concatenate([loaded, np.arange(n, n + m)])
    load["status"] = 1
    load["type"] = pgm.LoadGenType.const_power
    power = np.concatenate([study.s[loaded], np.zeros(m)]) * BASE_VA
    load["p_specified"], load["q_specified"] = power.real, power.imag
    source = pgm.initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"], source["u_ref"], source["sk"] = 30_000, 0, 1, 1.0, 1e15
    model = pgm.PowerGridModel({"node": node, "line": line, "sym_load": load, "source": source})
    # each scenario gives its own new load its power, and leaves the others at nothing
    change = pgm.initialize_array("update", "sym_load", (m, 1))
    change["id"] = 20_000 + loaded.size + np.arange(m)[:, None]
    change["p_specified"] = study.load.real[:, None] * BASE_VA
    change["q_specified"] = study.load.imag[:, None] * BASE_VA

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
            return found[pgm.ComponentType.node]["u_pu"][np.arange(m), n + np.arange(m)]

        return ask

    method = pgm.CalculationMethod
    return {
        "power-grid-model batch, Newton-Raphson": asked(method.newton_raphson, -1),
        "power-grid-model batch, Newton-Raphson, all processors": asked(method.newton_raphson, 0),
        "power-grid-model batch, iterative current": asked(method.iterative_current, -1),
        "power-grid-model batch, iterative current, all processors": asked(method.iterative_current, 0),
    }
