"""Power flow in a tree against power-grid-model, which solves the admittance matrix by Newton's method.

What is compared is the physics alone: both get the same impedances and constant powers.
"""

from __future__ import annotations

import numpy as np
import power_grid_model as pgm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.kernels.compiled import I32
from gis_service.kernels.powerflow import C128, radial_flow

BASE_VA = 1e6
RATED_V = 10_000.0
Tree = tuple[I32, C128, C128]


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Up to twelve nodes with loads and feeds."""
    n = draw(st.integers(1, 12))
    parent = [0] + [draw(st.integers(0, k - 1)) for k in range(1, n)]
    part = st.floats(1e-4, 0.02)
    power = st.floats(-0.03, 0.05)
    z = [complex(draw(part), draw(part)) for _ in range(n)]
    s = [complex(draw(power), draw(power)) for _ in range(n)]
    return np.array(parent, np.int32), np.array(z), np.array(s)


def voltages_of_power_grid_model(tree: Tree, *, source_va: float = 1e10) -> C128:
    """Per unit, at every node.

    Its source has an impedance, so that node 0 stands a little below 1: ours is told to stand there as well.
    """
    parent, z, s = tree
    n = parent.size
    ohm = RATED_V**2 / BASE_VA
    node = pgm.initialize_array("input", "node", n)
    node["id"], node["u_rated"] = np.arange(n), RATED_V
    lines = np.arange(1, n)
    line = pgm.initialize_array("input", "line", n - 1)
    line["id"], line["from_node"], line["to_node"] = n + lines, parent[lines], lines
    line["from_status"] = line["to_status"] = 1
    line["r1"], line["x1"] = z[lines].real * ohm, z[lines].imag * ohm
    line["c1"] = line["tan1"] = 0
    load = pgm.initialize_array("input", "sym_load", n)
    load["id"], load["node"], load["status"] = 2 * n + np.arange(n), np.arange(n), 1
    load["type"] = pgm.LoadGenType.const_power
    load["p_specified"], load["q_specified"] = s.real * BASE_VA, s.imag * BASE_VA
    feed = pgm.initialize_array("input", "source", 1)
    feed["id"], feed["node"], feed["status"], feed["u_ref"] = 3 * n, 0, 1, 1.0
    feed["sk"] = source_va
    model = pgm.PowerGridModel({"node": node, "line": line, "sym_load": load, "source": feed})
    result = model.calculate_power_flow(symmetric=True, error_tolerance=1e-9, max_iterations=100)["node"]
    found: C128 = result["u_pu"] * np.exp(1j * result["u_angle"])
    return found


@settings(deadline=None)
@given(trees())
def test_voltages_are_those_of_power_grid_model(tree: Tree) -> None:
    expected = voltages_of_power_grid_model(tree)
    flow = radial_flow(*tree, source=expected[0])
    assert flow.rounds
    assert np.abs(flow.voltage - expected).max() < 1e-6


def test_more_load_than_can_be_supplied_is_said_to_be_so() -> None:
    # one branch of x = 0.1 carries at most 1 / (4 x) = 2.5 at power factor 0 (the nose of the PV curve)
    parent, z = np.array([0, 0], np.int32), np.array([0, 0.1j])
    assert radial_flow(parent, z, np.array([0, 2.4j])).rounds
    assert not radial_flow(parent, z, np.array([0, 2.6j])).rounds
    (_, end), *_ = radial_flow(parent, z, np.array([0, 0.1 + 0j]))
    assert abs(end) == pytest.approx(two_nodes(0.0, 0.1, 0.1, 0.0), abs=1e-8)


def two_nodes(r: float, x: float, p: float, q: float) -> float:
    """|V| behind one branch: V^4 + V^2 (2 (rp + xq) - 1) + |z s|^2 = 0 for a source at 1."""
    half = 0.5 - (r * p + x * q)
    return float(np.sqrt(half + np.sqrt(half**2 - abs(complex(r, x) * complex(p, q)) ** 2)))


def test_two_nodes_are_what_the_quadratic_says() -> None:
    flow = radial_flow(np.array([0, 0], np.int32), np.array([0, 0.03 + 0.02j]), np.array([0, 0.8 + 0.4j]))
    assert abs(flow.voltage[1]) == pytest.approx(two_nodes(0.03, 0.02, 0.8, 0.4), abs=1e-9)


@pytest.mark.parametrize(
    ("parent", "z", "message"),
    [
        ([0, 2, 1], [0, 0, 0], "parent of node 1"),
        ([0, -1], [0, 0], "parent of node 1"),
        ([0], [0, 0], "one each"),
        ([], [], "at least one node"),
    ],
)
def test_what_is_no_tree_is_refused(parent: list[int], z: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        radial_flow(np.array(parent, np.int32), np.array(z, complex), np.zeros(len(parent), complex))
