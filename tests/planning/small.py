"""Small random planning questions: a radial grid at two levels, a handful of corridors, tight limits.

Nothing in them is round, so that no two ways cost the same; roughly every second limit binds somewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely

from gis_service.network.build import build_topology
from gis_service.network.switching import SwitchState, loaded_state
from gis_service.network.text import parse_grid
from gis_service.network.topology import Topology
from gis_service.planning.areas import NOWHERE, Areas
from gis_service.planning.corridors import UNKNOWN, Corridors, Ground, ground_around
from gis_service.planning.layout import lay_out, offers_of
from gis_service.planning.plane import Plane
from gis_service.planning.rules import Rules, default_rules, overridden
from gis_service.planning.search import Block, Load, Search
from gis_service.planning.trees import Trees

HERE = Plane(108.0, 22.8)
SIDE_M = 300.0

FEEDERS = {
    "m": "ST1 substation\nh1 node substation=ST1\nS1 source h1\nB1 breaker h1 m0 feeder=F1",
    "p": "ST2 substation\nh2 node substation=ST2\nS2 source h2\nB2 breaker h2 p0 feeder=F2",
}
"""Each a substation with a source, a busbar and one feeder; its nodes bear the letter."""

STATIONS = {
    "m": "ST1 substation\nhh node substation=ST1 kv=110\nb1 node substation=ST1\nb2 node substation=ST1\n"
    "S1 source hh\nTB1 transformer hh b1 kva={kva}\nB1 breaker b1 m0 feeder=F1",
    "p": "B2 breaker b1 p0 feeder=F2",
    "q": "TB2 transformer hh b2 kva={kva}\nB3 breaker b2 q0 feeder=F3",
    "r": "ST2 substation\nh2 node substation=ST2\nS2 source h2\nB4 breaker h2 r0 feeder=F4",
}
"""One substation with two busbars behind a transformer each, the first with two feeders; and another.

So feeders, busbars and substations are three different things.
"""


@dataclass(frozen=True)
class Question:
    topology: Topology
    state: SwitchState
    rules: Rules
    ground: Ground
    load: Load
    blocks: list[Block]
    search: Search


def ask(
    topology: Topology,
    rules: Rules,
    corridors: list[Corridors],
    load: Load,
    *,
    reach_m: float = 1000.0,
    areas: Areas = NOWHERE,
) -> Question:
    """The question of a load in the middle of the plane."""
    state = loaded_state(topology)
    ground = ground_around(HERE, corridors, reach_m)
    blocks = lay_out(
        topology,
        state,
        Trees(),
        rules,
        ground,
        load,
        rules.levels_for(load.kva),
        nodes=np.arange(topology.n_nodes),
        lines=np.arange(len(topology.tables.lines)),
        areas=areas,
    )
    return Question(topology, state, rules, ground, load, blocks, Search(offers_of(blocks, load)))


def corridors_of(
    ends: list[tuple[str, str]],
    lines: list[np.ndarray],
    kinds: list[str],
    cost_per_m: list[float],
    ducts: list[int],
) -> Corridors:
    """Corridors drawn in metres around the middle."""

    def text(values: list[str]) -> np.ndarray:
        return np.array(values, np.object_)

    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lines])]).astype(np.int64)
    coords = np.concatenate([np.empty((0, 2)), *lines]) / HERE.scale + [HERE.lon, HERE.lat]
    return Corridors(
        "450122",
        text([f"k{k}" for k in range(len(ends))]),
        text([a for a, _ in ends]),
        text([b for _, b in ends]),
        text(kinds),
        np.array(cost_per_m, np.float64),
        np.array(ducts, np.int64),
        offsets,
        coords,
    )


def random_areas(seed: int) -> Areas:
    """Up to two triangles to be avoided, none around the middle, and up to two to be passed."""
    rng = np.random.default_rng((seed, 1))
    made = [
        shapely.polygons(rng.uniform(-SIDE_M, SIDE_M, 2) * 0.6 + rng.uniform(-1, 1, (3, 2)) * size)
        for size in rng.uniform(40, 200, 4)
    ]
    avoid = [one for one in made[: int(rng.integers(0, 3))] if shapely.distance(one, shapely.Point(0, 0)) > 1]
    return Areas(
        shapely.union_all(avoid) if avoid else None,
        tuple(made[2 : 2 + int(rng.integers(0 if avoid else 1, 3))]),
    )


def random_question(
    seed: int,
    *,
    feeders: int = 1,
    stations: bool = False,
    cut: bool = False,
    areas: Areas = NOWHERE,
    crowded: bool = False,
) -> Question:
    """A question that is the same for a seed.

    stations : on the four feeders of `STATIONS`, not on some of `FEEDERS`
    cut : its grid and corridors in two counties
    crowded : at low voltage somebody stands little above the lowest voltage allowed
    """
    rng = np.random.default_rng((seed, 4) if stations else seed)
    heads = STATIONS if stations else dict(list(FEEDERS.items())[:feeders])
    lines = [
        line
        for letter, head in heads.items()
        for line in (["@450123"] if cut and letter == "m" else ["@450122"]) + _feeder(rng, letter, head)
    ]
    tables = parse_grid("\n".join(lines))
    n = len(tables.nodes)
    xy = rng.uniform(-SIDE_M, SIDE_M, (n, 2)) / HERE.scale + [HERE.lon, HERE.lat]
    xy = xy[np.argsort(np.argsort(np.asarray(tables.nodes.id, str)))]  # by id, however the grid is cut
    ends = {id: xy[k] for k, id in enumerate(tables.nodes.id.tolist())}
    drawn = [
        ends[node]
        for pair in zip(tables.lines.from_node.tolist(), tables.lines.to_node.tolist(), strict=True)
        for node in pair
    ]
    uk = rng.uniform(3, 6, len(tables.transformers))
    uk = uk[np.argsort(np.argsort(np.asarray(tables.transformers.id, str)))]
    tables = replace(
        tables,
        nodes=replace(tables.nodes, xy=xy),
        lines=replace(tables.lines, coords=np.array(drawn).reshape(-1, 2)),
        transformers=replace(tables.transformers, uk_percent=uk, pk_kw=uk / 3),
    )
    vertices = rng.uniform(-SIDE_M, SIDE_M, (5, 2))
    pairs = [tuple(sorted(rng.choice(5, 2, replace=False).tolist())) for _ in range(int(rng.integers(5, 8)))]
    shapes = [
        np.stack([vertices[a], *rng.uniform(-SIDE_M, SIDE_M, (int(rng.integers(0, 2)), 2)), vertices[b]])
        for a, b in pairs
    ]
    kinds = rng.choice(["street", "pole_line", "duct", "crossing", "lane"], len(pairs)).tolist()
    cost = np.where(rng.random(len(pairs)) < 0.2, rng.uniform(10, 400, len(pairs)), np.nan).tolist()
    ducts = rng.choice([0, 1, UNKNOWN], len(pairs)).tolist()
    corridors = corridors_of([(f"v{a}", f"v{b}") for a, b in pairs], shapes, kinds, cost, ducts)
    rules = overridden(
        default_rules(),
        {
            "conductor": [
                one.model_dump()
                for one in default_rules().conductor
                if one.name in ("low overhead 70", "low cable 150", "medium overhead 70", "medium cable 120")
            ],
            "limits": {
                "reach_m": {"low": rng.uniform(300, 600), "medium": rng.uniform(400, 800)},
                "off_corridor_m": rng.uniform(30, 120),
                "voltage_drop_percent": {"low": rng.uniform(2, 8), "medium": rng.uniform(0.5, 3)},
                "lowest_pu": {"low": rng.uniform(0.88, 0.96), "medium": rng.uniform(0.9, 0.98)},
                "supply_radius_m": {"low": {"town": rng.uniform(300, 700)}, "medium": {"town": 4000.0}},
            },
            "attach_cost": {"district": 1511.3, "node": 12007.7, "line_tap": 18011.9, "bay": 30013.1},
        },
    )
    load = Load(float(rng.choice([8.0, 25.0, 60.0, 120.0, 300.0])), 7)
    parts = [corridors]
    if cut:
        rows = np.arange(len(pairs))
        parts = [_some(corridors, "450122", rows[1::2]), _some(corridors, "450123", rows[::2])]
    topology = build_topology(tables)
    if crowded:
        least = _least(topology, rules) - rng.uniform(0, 0.01)
        rules = overridden(rules, {"limits": {"lowest_pu": {"low": least}}})
    return ask(topology, rules, parts, load, areas=areas)


def _least(topology: Topology, rules: Rules) -> float:
    """The lowest voltage of a node with customers, per unit."""
    reckoned = Trees().around(topology, loaded_state(topology), np.arange(topology.n_nodes), rules)
    at = reckoned.tree.positions(np.unique(topology.customer_node).astype(np.int64))
    return float(np.abs(reckoned.present.volts[at]).min(initial=1.0))


def _some(one: Corridors, county: str, rows: np.ndarray) -> Corridors:
    pieces = [one.coords[one.offsets[k] : one.offsets[k + 1]] for k in rows.tolist()]
    return replace(
        one,
        county=county,
        **{name: getattr(one, name)[rows] for name in ("id", "from_vertex", "to_vertex", "kind")},
        cost_per_m=one.cost_per_m[rows],
        ducts_free=one.ducts_free[rows],
        offsets=np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64),
        coords=np.concatenate([np.empty((0, 2)), *pieces]),
    )


def _feeder(rng: np.random.Generator, letter: str, head: str) -> list[str]:
    """The lines of one feeder: up to three of medium voltage, up to two districts."""
    first = [head.format(kva=rng.choice([400, 630])) if "{" in head else head]
    lines: list[str] = []
    medium = int(rng.integers(1, 4))
    for k in range(1, medium + 1):
        above = int(rng.integers(0, k))
        lines.append(
            f"M{letter}{k} line {letter}{above} {letter}{k} r={rng.uniform(0.1, 2):.4f} "
            f"x={rng.uniform(0.1, 2):.4f} length={rng.uniform(200, 3000):.1f} rated={rng.uniform(15, 60):.1f}"
        )
    for k in range(int(rng.integers(1, 3))):
        low = f"{letter}l{k}"
        at = f"{letter}{int(rng.integers(0, medium + 1))}"
        first.append(f"{low}0 node kv=0.4")
        lines.append(f"T{low} transformer {at} {low}0 kva={rng.choice([50, 100, 160])}")
        lines.append(f"D{low} district T{low}")
        for j in range(1, int(rng.integers(1, 4))):
            above = int(rng.integers(0, j))
            first.append(f"{low}{j} node kv=0.4")
            lines.append(
                f"L{low}{j} line {low}{above} {low}{j} kv=0.4 r={rng.uniform(0.01, 0.06):.4f} "
                f"x={rng.uniform(0.01, 0.03):.4f} length={rng.uniform(50, 300):.1f} "
                f"rated={rng.uniform(60, 250):.1f}"
            )
            lines.append(f"C{low}{j} customer {low}{j} kva={rng.uniform(5, 40):.2f}")
    return [*first, *lines]
