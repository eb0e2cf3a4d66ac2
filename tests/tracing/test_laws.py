"""Laws and oracles on random small grids; expected answers come from `tests/oracles/brute.py`."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gis_service.network.build import build_topology
from gis_service.network.ids import Ref
from gis_service.network.switching import SwitchState, loaded_state, normal_state
from gis_service.network.tables import GridTables
from gis_service.network.topology import EDGE_LAYERS, Topology
from gis_service.tracing.change import Change
from gis_service.tracing.outage import outage_impact
from gis_service.tracing.outs import NOTHING_OUT, outs_of
from gis_service.tracing.paths import supply_path, supply_radius
from gis_service.tracing.protection import opened_by
from gis_service.tracing.supply import node_phases, node_phases_by_node, supplied
from gis_service.tracing.trace import trace
from tests.oracles.brute import SUPPLY, BruteGrid
from tests.strategies import cut_grids, grids


def elements(topology: Topology) -> list[Ref]:
    t = topology.tables
    sizes = (len(t.lines), len(t.switches), len(t.transformers), len(t.sources))
    return [Ref(layer, row) for layer, n in zip(EDGE_LAYERS, sizes, strict=True) for row in range(n)]


def key_of(topology: Topology, ref: Ref) -> str:
    t = topology.tables
    table = {
        "line_section": t.lines,
        "switch": t.switches,
        "power_transformer": t.transformers,
        "energy_source": t.sources,
        "connectivity_node": t.nodes,
    }[ref.layer]
    return f"{ref.layer}:{table.id[ref.row]}"


def keys(topology: Topology, edges: np.ndarray) -> set[str]:
    return {key_of(topology, topology.ref_of_edge(int(edge))) for edge in edges}


def open_ids(topology: Topology, state: SwitchState) -> set[str]:
    return set(topology.tables.switches.id[state.open])


def brute(topology: Topology, state: SwitchState) -> BruteGrid:
    return BruteGrid(topology.tables, open_ids(topology, state))


@given(grids(), st.data())
def test_supply_is_what_reaches_a_node_from_a_source(tables: GridTables, data: st.DataObject) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    every = elements(topology)
    refs = data.draw(st.lists(st.sampled_from(every), max_size=3)) if every else []
    refs += [
        Ref("connectivity_node", r)
        for r in data.draw(st.sets(st.integers(0, len(tables.nodes) - 1), max_size=2))
    ]
    outs = outs_of(topology, refs)
    oracle = brute(topology, state)
    oracle.out = {key_of(topology, ref) for ref in refs if ref.layer != "connectivity_node"}
    oracle.out_nodes = {tables.nodes.id[ref.row] for ref in refs if ref.layer == "connectivity_node"}

    live = node_phases(topology, state, outs)

    assert [int(mask) for mask in live] == [
        0 if id in oracle.out_nodes else oracle.live_phases(id) for id in tables.nodes.id
    ]
    assert set(tables.customers.id[supplied(topology, state, outs)]) == oracle.supplied()


@given(grids(max_nodes=12, max_joins=20))
def test_the_supply_forest_tells_what_a_search_over_nodes_finds(tables: GridTables) -> None:
    topology = build_topology(tables)
    for state in (loaded_state(topology), normal_state(topology)):
        assert np.array_equal(node_phases(topology, state), node_phases_by_node(topology, state))


@given(grids(), st.data())
def test_outage_impact_is_supplied_before_and_not_after(tables: GridTables, data: st.DataObject) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    every = elements(topology)
    out = data.draw(st.lists(st.sampled_from(every), max_size=2)) if every else []
    oracle = brute(topology, state)
    before = oracle.supplied()
    oracle.out = {key_of(topology, ref) for ref in out}

    impact = outage_impact(topology, state, outs_of(topology, out))

    assert set(tables.customers.id[impact.customers]) == before - oracle.supplied()


@given(grids(max_nodes=9, max_joins=14), st.data())
def test_switching_while_much_is_out_takes_and_gives_supply_as_a_search_says(
    tables: GridTables, data: st.DataObject
) -> None:
    topology = build_topology(tables)
    before = loaded_state(topology)
    every = [*elements(topology), *(Ref("connectivity_node", row) for row in range(len(tables.nodes)))]
    out = data.draw(st.lists(st.sampled_from(every), max_size=12))
    rows = st.integers(0, max(0, len(tables.switches) - 1))
    switched = sorted(data.draw(st.sets(rows, max_size=4))) if len(tables.switches) else []
    after = before.with_switching(switched, [data.draw(st.booleans()) for _ in switched])
    was = brute(topology, before).supplied()
    oracle = brute(topology, after)
    oracle.out = {key_of(topology, ref) for ref in out if ref.layer != "connectivity_node"}
    oracle.out_nodes = {tables.nodes.id[ref.row] for ref in out if ref.layer == "connectivity_node"}
    is_now = oracle.supplied()

    lost, gained = Change(topology, before, after, outs_of(topology, out)).lost_and_gained()

    assert sorted(tables.customers.id[lost]) == sorted(was - is_now)
    assert sorted(tables.customers.id[gained]) == sorted(is_now - was)


@given(grids(), st.data())
def test_a_fault_beside_other_outs_takes_what_it_and_its_protection_take(
    tables: GridTables, data: st.DataObject
) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    every = elements(topology)
    if not every:
        return
    out = data.draw(st.lists(st.sampled_from(every), max_size=6))
    faults = data.draw(st.lists(st.sampled_from(every), min_size=1, max_size=2))
    was = brute(topology, state).supplied()
    opened = opened_by(topology, state, faults)  # held against an oracle of its own below
    oracle = brute(topology, state.with_switching(opened.tolist(), [True] * opened.size))
    oracle.out = {key_of(topology, ref) for ref in [*out, *faults]}

    impact = outage_impact(topology, state, outs_of(topology, out), faults)

    assert set(tables.customers.id[impact.customers]) == was - oracle.supplied()


@given(grids(max_nodes=6, max_joins=8), st.data())
def test_a_fault_opens_the_first_protective_device_on_every_simple_path(
    tables: GridTables, data: st.DataObject
) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    every = [ref for ref in elements(topology) if ref.layer != "energy_source"]
    every += [Ref("connectivity_node", row) for row in range(len(tables.nodes))]
    fault = data.draw(st.sampled_from(every))
    oracle = brute(topology, state)
    if fault.layer == "connectivity_node":
        expected = oracle.opened_by_fault(node=tables.nodes.id[fault.row])
    else:
        expected = oracle.opened_by_fault(key=key_of(topology, fault))

    opened = opened_by(topology, state, [fault])

    assert set(tables.switches.id[opened]) == expected


@given(grids(), st.data())
def test_upstream_follows_every_simple_path_and_downstream_is_its_converse(
    tables: GridTables, data: st.DataObject
) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    oracle = brute(topology, state)
    every = elements(topology)
    upstream = {key_of(topology, ref): oracle.upstream(key=key_of(topology, ref)) for ref in every}

    for ref in every:
        key = key_of(topology, ref)
        if ref.layer != "energy_source":
            assert keys(topology, trace(topology, state, "upstream", [ref]).edges) == upstream[key]
        below = keys(topology, trace(topology, state, "downstream", [ref]).edges)
        assert {k for k in below if not k.startswith("energy_source")} == {
            other
            for other, above in upstream.items()
            if key in above and not other.startswith("energy_source")
        }
    node = data.draw(st.integers(0, len(tables.nodes) - 1))
    found = trace(topology, state, "upstream", [Ref("connectivity_node", node)])
    assert keys(topology, found.edges) == oracle.upstream(node=tables.nodes.id[node])


@given(grids(), st.data())
def test_nodes_of_upstream_and_downstream_are_those_on_the_paths(
    tables: GridTables, data: st.DataObject
) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    oracle = brute(topology, state)
    start = data.draw(st.integers(0, len(tables.nodes) - 1))
    name = tables.nodes.id[start]
    above: set[str] = set()
    below: set[str] = set()
    for bit in (1, 2, 4):
        graph = oracle.graph(bit)
        for other in tables.nodes.id:
            for path in nx.all_simple_paths(graph, other, SUPPLY):
                if other == name:
                    above.update(path)
                if name in path:
                    below.add(other)

    refs = [Ref("connectivity_node", start)]
    assert set(tables.nodes.id[trace(topology, state, "upstream", refs).nodes]) == above - {SUPPLY}
    assert set(tables.nodes.id[trace(topology, state, "downstream", refs).nodes]) == below


@given(grids(), st.data())
def test_connected_is_the_conducting_component(tables: GridTables, data: st.DataObject) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    oracle = brute(topology, state)
    start = data.draw(st.integers(0, len(tables.nodes) - 1))
    expected: set[str] = set()
    joined: set[str] = set()
    for bit in (1, 2, 4):
        graph = oracle.graph(bit, supply=False)
        part = nx.node_connected_component(graph, tables.nodes.id[start])
        expected |= part
        joined |= {k for a, _, k in graph.edges(keys=True) if a in part}
        joined |= {j.key for j in oracle.joints() if j.kind == "source" and j.b in part and j.phases & bit}

    found = trace(topology, state, "connected", [Ref("connectivity_node", start)])

    assert set(tables.nodes.id[found.nodes]) == expected
    assert keys(topology, found.edges) == joined


@given(grids())
def test_loops_are_the_edges_of_cycles(tables: GridTables) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    oracle = brute(topology, state)
    expected: set[str] = set()
    for bit in (1, 2, 4):
        graph = oracle.graph(bit, supply=False)
        for a, b, key in graph.edges(keys=True):
            less = graph.copy()
            less.remove_edge(a, b, key)
            if a == b or nx.has_path(less, a, b):
                expected.add(key)

    assert keys(topology, trace(topology, state, "loops", []).edges) == expected


@given(grids(), st.data())
def test_isolation_cuts_the_part_from_every_source_and_opens_no_switch_in_vain(
    tables: GridTables, data: st.DataObject
) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    start = Ref("connectivity_node", data.draw(st.integers(0, len(tables.nodes) - 1)))
    cut = trace(topology, state, "isolation", [start])
    opened = state.with_switching(cut.to_open.tolist(), [True] * cut.to_open.size)

    live = node_phases(topology, opened)

    if not cut.sources_inside.size:
        assert not live[cut.nodes].any()
        for row in cut.to_open.tolist():
            but_one = opened.with_switching([row], [False])
            assert node_phases(topology, but_one)[cut.nodes].any()


@given(grids(), st.data())
def test_a_supply_path_is_a_shortest_way_from_a_source(tables: GridTables, data: st.DataObject) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    oracle = brute(topology, state)
    has = oracle.supplied()
    for row, id in enumerate(tables.customers.id):
        path = supply_path(topology, state, row)
        assert path.supplied == (id in has)
        if not path.edges.size:
            assert not path.supplied
            continue
        node = tables.customers.node_id[row]
        bits = [bit for bit in (1, 2, 4) if path.phases & bit]
        graph = nx.MultiGraph()
        for a, b, key, length in oracle.graph(bits[0]).edges(keys=True, data="length"):
            if all(oracle.graph(bit).has_edge(a, b, key) for bit in bits):
                graph.add_edge(a, b, key=key, weight=length)
        assert path.length_m == nx.shortest_path_length(graph, SUPPLY, node, weight="weight")
        here = SUPPLY  # the elements follow one another from the supply to the customer
        for edge in path.edges:
            a, b, _ = next(e for e in graph.edges(keys=True) if e[2] in keys(topology, np.array([edge])))
            assert here in (a, b)
            here = b if here == a else a
        assert here == node


@given(grids())
def test_the_supply_radius_of_a_source_is_the_largest_distance_that_it_feeds(tables: GridTables) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    oracle = brute(topology, state)
    if len(tables.sources) != 1:
        return
    farthest = 0.0
    for bit in (1, 2, 4):
        lengths = nx.single_source_dijkstra_path_length(oracle.graph(bit), SUPPLY, weight="length")
        farthest = max(farthest, *lengths.values())

    assert supply_radius(topology, state, Ref("energy_source", 0)).length_m == farthest


@given(grids(), st.data())
def test_opening_a_switch_never_energises_anything(tables: GridTables, data: st.DataObject) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    if not len(tables.switches):
        return
    row = data.draw(st.integers(0, len(tables.switches) - 1))
    before, after = node_phases(topology, state), node_phases(topology, state.with_switching([row], [True]))

    assert not (after & ~before).any()


@given(cut_grids(), st.data())
def test_a_cut_into_counties_changes_no_answer(
    pair: tuple[GridTables, GridTables], data: st.DataObject
) -> None:
    whole, cut = (build_topology(tables) for tables in pair)
    ids = [key_of(whole, ref) for ref in elements(whole)]
    if not ids:
        return
    start, target = data.draw(st.sampled_from(ids)), data.draw(st.sampled_from(ids))

    def answers(t: Topology) -> list[object]:
        state, ref, to = loaded_state(t), t.ids.find(start), t.ids.find(target)
        impact = outage_impact(t, state, outs_of(t, [ref]), [to])
        found: list[object] = [
            set(t.tables.customers.id[impact.customers]),
            set(t.tables.switches.id[impact.opened]),
            keys(t, impact.dark_edges),
        ]
        for kind in ("upstream", "downstream", "connected", "subnetwork", "loops", "isolation"):
            traced = trace(t, state, kind, [ref])
            found += [
                set(t.tables.nodes.id[traced.nodes]),
                keys(t, traced.edges),
                set(t.tables.switches.id[traced.to_open]),
                traced.length_m,
            ]
        way = trace(t, state, "shortest_path", [ref], targets=[to])
        found.append([key_of(t, t.ref_of_edge(int(edge))) for edge in way.ordered])
        for id in sorted(t.tables.customers.id):
            path = supply_path(t, state, t.ids.find(id).row)
            district = t.customer_district[t.ids.find(id).row]
            found.append([key_of(t, t.ref_of_edge(int(edge))) for edge in path.edges])
            found.append(t.tables.districts.id[district] if district >= 0 else None)
        radius = supply_radius(t, state, ref)
        found += [radius.length_m, [key_of(t, t.ref_of_edge(int(edge))) for edge in radius.edges]]
        return found

    assert answers(whole) == answers(cut)


@given(grids())
def test_supplied_and_unsupplied_partition_the_customers_whatever_is_out(tables: GridTables) -> None:
    topology = build_topology(tables)
    state = loaded_state(topology)
    has = supplied(topology, state, NOTHING_OUT)
    everything = outs_of(topology, [Ref("energy_source", row) for row in range(len(tables.sources))])

    impact = outage_impact(topology, state, everything)

    assert set(impact.customers.tolist()) == set(np.flatnonzero(has).tolist())
