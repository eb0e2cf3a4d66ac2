"""The questions answered by definition on plain sets and networkx: slow, and written from the words.

Nothing of the kernels, the topology or the tracing code is used; only the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import networkx as nx

from gis_service.network.tables import GridTables

PROTECTIVE = {"breaker", "recloser", "fuse"}
SUPPLY = "the supply"


@dataclass(frozen=True)
class Joint:
    """A conducting element or a source, by `layer:id`."""

    key: str
    a: str
    b: str
    phases: int
    kind: str
    length: float
    feeder: str = ""


@dataclass
class BruteGrid:
    """One grid in one switch state, with things taken out."""

    tables: GridTables
    open: set[str]
    out: set[str] = field(default_factory=set)  # joints by key
    out_nodes: set[str] = field(default_factory=set)
    out_customers: set[str] = field(default_factory=set)

    def joints(self) -> list[Joint]:
        """Every element that joins two nodes, open or not; a source joins the supply and its node."""
        t = self.tables
        every: list[Joint] = []
        for k, id in enumerate(t.lines.id):
            ends = t.lines.from_node[k], t.lines.to_node[k], int(t.lines.phases[k])
            every.append(Joint(f"line_section:{id}", *ends, "line_section", float(t.lines.length_m[k])))
        for k, id in enumerate(t.switches.id):
            ends = t.switches.from_node[k], t.switches.to_node[k], int(t.switches.phases[k])
            every.append(Joint(f"switch:{id}", *ends, t.switches.kind[k], 0.0, t.switches.feeder_id[k]))
        for k, id in enumerate(t.transformers.id):
            ends = t.transformers.from_node[k], t.transformers.to_node[k], int(t.transformers.phases[k])
            every.append(Joint(f"power_transformer:{id}", *ends, "power_transformer", 0.0))
        for k, id in enumerate(t.sources.id):
            every.append(
                Joint(
                    f"energy_source:{id}",
                    SUPPLY,
                    t.sources.node_id[k],
                    int(t.sources.phases[k]),
                    "source",
                    0.0,
                )
            )
        return every

    def graph(self, phase: int, *, without: Iterable[str] = (), supply: bool = True) -> nx.MultiGraph:
        """Conducting elements on one phase (a bit)."""
        graph = nx.MultiGraph()
        graph.add_nodes_from(set(self.tables.nodes.id) - self.out_nodes)
        if supply:
            graph.add_node(SUPPLY)
        gone = self.out | set(without)
        for joint in self.joints():
            if not joint.phases & phase or joint.key in gone:
                continue
            if joint.key.startswith("switch:") and joint.key[7:] in self.open:
                continue
            if joint.a in graph and joint.b in graph:
                graph.add_edge(joint.a, joint.b, key=joint.key, length=joint.length, kind=joint.kind)
        return graph

    def live_phases(self, node: str) -> int:
        """Phases that reach a node from any source."""
        return sum(
            bit for bit in (1, 2, 4) if node in (g := self.graph(bit)) and nx.has_path(g, SUPPLY, node)
        )

    def supplied(self) -> set[str]:
        """Customers with supply."""
        normal = BruteGrid(self.tables, set(self.tables.switches.id[self.tables.switches.normal_open]))
        c = self.tables.customers
        found = set()
        for k, id in enumerate(c.id):
            needs = int(c.phases[k]) or normal.live_phases(c.node_id[k])
            there = self.live_phases(c.node_id[k])
            has = there & needs == needs if needs else there != 0
            if has and id not in self.out_customers:
                found.add(id)
        return found

    def upstream(self, key: str | None = None, node: str | None = None) -> set[str]:
        """Elements on some simple path from an element's middle, or a node, to the supply."""
        found: set[str] = set()
        for bit in (1, 2, 4):
            graph = self.graph(bit)
            start = node
            if key is not None:
                start = "the middle"
                ends = [(a, b) for a, b, k in graph.edges(keys=True) if k == key]
                if not ends:
                    continue
                graph = self.graph(bit, without=[key])
                graph.add_edge(start, ends[0][0], key=key)
                graph.add_edge(start, ends[0][1], key=key)
            if start is not None:
                for path in simple_paths(graph, start, SUPPLY):
                    found.update(path)
        return found

    def opened_by_fault(self, key: str | None = None, node: str | None = None) -> set[str]:
        """First protective device on every simple path from the fault to a source, by definition."""
        found: set[str] = set()
        faulted = next((j for j in self.joints() if j.key == key), None)
        for bit in (1, 2, 4):
            if faulted is not None and not faulted.phases & bit:
                continue
            graph = self.graph(bit, without=[key] if key else [])
            starts = {node} if node else {faulted.a, faulted.b} if faulted else set()
            for start in starts - {SUPPLY}:
                for path in simple_paths(graph, start, SUPPLY):
                    devices = [k for k in path if self._kind(k) in PROTECTIVE]
                    found.update(devices[:1])
        return {k.removeprefix("switch:") for k in found}

    def _kind(self, key: str) -> str:
        return next(joint.kind for joint in self.joints() if joint.key == key)


def simple_paths(graph: nx.MultiGraph, start: str, goal: str) -> Iterator[list[str]]:
    """Element keys of every simple path; the supply is passed only as the goal."""
    if start not in graph or goal not in graph:
        return
    for path in nx.all_simple_edge_paths(graph, start, goal):
        yield [key for _, _, key in path]
