"""Power flow in a tree against power-grid-model, which solves the admittance matrix by Newton's method.

What is compared is the physics alone: both get the same impedances and constant powers. Candidates are also
compared with the flow of the tree that has them in it, and that with power-grid-model again.
"""

from __future__ import annotations

import numpy as np
import power_grid_model as pgm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.kernels.compiled import F64, I32, I64
from gis_service.kernels.powerflow import C128, candidate_flows, radial_flow, with_candidate

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


def voltages_of_power_grid_model(tree: Tree) -> C128:
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
    line["id"], line["from_node"], line["to_node"] = 100 + lines, parent[lines], lines
    line["from_status"] = line["to_status"] = 1
    line["r1"], line["x1"] = z[lines].real * ohm, z[lines].imag * ohm
    line["c1"] = line["tan1"] = 0
    load = pgm.initialize_array("input", "sym_load", n)
    load["id"], load["node"], load["status"] = 200 + np.arange(n), np.arange(n), 1
    load["type"] = pgm.LoadGenType.const_power
    load["p_specified"], load["q_specified"] = s.real * BASE_VA, s.imag * BASE_VA
    feed = pgm.initialize_array("input", "source", 1)
    feed["id"], feed["node"], feed["status"], feed["u_ref"] = 300, 0, 1, 1.0
    feed["sk"] = 1e10
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


@settings(deadline=None)
@given(trees(), st.data())
def test_a_candidate_does_what_it_does_in_a_tree_of_its_own(tree: Tree, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, tree[0].size - 1))
    fraction = data.draw(st.sampled_from([1.0, 0.01, 0.3, 0.99]))
    service, load = complex(0.01, 0.004), complex(data.draw(st.floats(0.01, 0.3)), 0.1)
    taken = with_candidate(*tree, at=at, fraction=fraction, service=service, load=load)
    voltages = voltages_of_power_grid_model((taken.parent, taken.z, taken.s))
    expected = np.abs(voltages)
    base = radial_flow(*tree, source=voltages[0])
    one = candidate_flows(
        *tree,
        base=base,
        at=np.array([at]),
        fraction=np.array([fraction]),
        service=np.array([service]),
        load=np.array([load]),
    )
    flow = radial_flow(taken.parent, taken.z, taken.s, source=voltages[0])
    assert one.customer[0] == pytest.approx(expected[taken.customer], abs=1e-6)
    assert one.attach[0] == pytest.approx(expected[taken.point], abs=1e-6)
    assert one.lowest[0] == pytest.approx(expected.min(), abs=1e-6)
    least = taken.customer if one.lowest_node[0] < 0 else taken.node_of[one.lowest_node[0]]
    assert expected[least] == pytest.approx(expected.min(), abs=1e-6)
    losses = (np.abs(flow.current[1:]) ** 2 * taken.z[1:].real).sum()
    assert one.losses[0] == pytest.approx(losses, abs=1e-8)


@given(trees(), st.data())
def test_a_branch_without_impedance_changes_nothing(tree: Tree, data: st.DataObject) -> None:
    parent, z, s = tree
    at = data.draw(st.integers(0, parent.size - 1))
    taken = with_candidate(parent, z, s, at=at, fraction=1.0, service=0, load=s[at])
    taken.s[at] = 0  # what the node took is taken at the far end of the new branch
    flow = radial_flow(taken.parent, taken.z, taken.s)
    before = radial_flow(*tree)
    assert np.abs(flow.voltage[taken.node_of] - before.voltage).max() < 1e-8
    assert flow.voltage[taken.customer] == flow.voltage[at]


def feeder(n: int, seed: int) -> Tree:
    """A feeder with laterals and an ordinary load."""
    draw = np.random.default_rng(seed)
    parent = np.array([0] + [max(0, k - 1 - int(draw.integers(0, 6))) for k in range(1, n)], np.int32)
    z: C128 = draw.uniform(1e-5, 2e-4, n) * np.complex128(1 + 0.8j)
    s: C128 = draw.uniform(0, 1 / n, n) * np.complex128(1 + 0.3j)
    return parent, z, s


def test_candidates_side_by_side_do_not_touch_one_another() -> None:
    tree = feeder(300, seed=1)
    draw = np.random.default_rng(2)
    m = 37
    at: I64 = draw.integers(0, 300, m)
    fraction: F64 = draw.uniform(0, 1, m)
    service: C128 = draw.uniform(1e-3, 1e-1, m) * np.complex128(1 + 0.5j)
    load: C128 = np.full(m, 0.01 + 0.003j, np.complex128)
    base = radial_flow(*tree)
    together = candidate_flows(*tree, base=base, at=at, fraction=fraction, service=service, load=load)
    for k in range(m):
        alone = candidate_flows(
            *tree,
            base=base,
            at=at[k : k + 1],
            fraction=fraction[k : k + 1],
            service=service[k : k + 1],
            load=load[k : k + 1],
        )
        for both, single in zip(together, alone, strict=True):
            assert both[k] == pytest.approx(single[0], abs=1e-8)


def test_more_load_than_can_be_supplied_is_said_to_be_so() -> None:
    # one branch of x = 0.1 carries at most 1 / (4 x) = 2.5 at power factor 0 (the nose of the PV curve)
    parent, z = np.array([0, 0], np.int32), np.array([0, 0.1j])
    assert radial_flow(parent, z, np.array([0, 2.4j])).rounds
    assert not radial_flow(parent, z, np.array([0, 2.6j])).rounds
    base = radial_flow(parent, z, np.array([0, 0j]))
    found = candidate_flows(
        parent,
        z,
        np.array([0, 0j]),
        base=base,
        at=np.array([1, 1]),
        fraction=np.array([1.0, 1.0]),
        service=np.array([0j, 0j]),
        load=np.array([9.0 + 0j, 0.1 + 0j]),
    )
    assert np.isnan(found.customer[0])
    assert np.isnan(found.losses[0])
    assert found.customer[1] == pytest.approx(two_nodes(0.0, 0.1, 0.1, 0.0), abs=1e-8)


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
