"""What `check` finds, a small grid for each rule; the expected findings are read off the grid by hand."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gis_service.checks import RULES, Finding, check_grid
from gis_service.checks.reserved import Claim
from gis_service.ingest.package import GridPackage, tables_from_package
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.packages import sound_package

# S ─ a ─[Q]─ b ─L1─ c ─T─ d (C1)
SOUND = """
S source a kv=10
Q breaker a b feeder=F rated=630
L1 line b c length=104 rated=200 r=0.1 x=0.1
T transformer c d kva=100
D district T
C1 customer d kva=8
"""


def findings(grid: str | GridTables, rule: str) -> list[Finding]:
    tables = parse_grid(grid) if isinstance(grid, str) else grid
    return [one for one in check_grid(tables) if one.rule == rule]


def messages(grid: str | GridTables, rule: str) -> list[str]:
    return [one.message for one in findings(grid, rule)]


def ids(grid: str | GridTables, rule: str) -> list[str | None]:
    return [one.id for one in findings(grid, rule)]


def test_nothing_is_found_in_a_sound_grid_but_what_is_not_known() -> None:
    assert {one.rule for one in check_grid(tables_from_package(sound_package()))} == {"missing_value"}


def test_an_empty_grid_has_no_findings() -> None:
    assert check_grid(tables_from_package(GridPackage.of({}))) == []


def test_an_island_is_one_finding_with_its_size_and_place() -> None:
    (found,) = findings(SOUND + "L8 line p q\nL9 line q r\nC9 customer r", "island")
    assert found.message == ("an island of 3 nodes, 2 elements and 1 customer around node 'p' has no source")
    assert (found.layer, found.id) == ("connectivity_node", "p")
    assert found.geometry is not None
    assert found.geometry["type"] == "MultiPoint"
    assert len(found.geometry["coordinates"]) == 3
    assert findings(SOUND + "L8 line p q", "unsupplied_part") == []  # said once, as an island


def test_the_customers_of_an_island_are_unsupplied() -> None:
    assert ids(SOUND + "L9 line q r\nC9 customer r", "unsupplied_customer") == ["C9"]


def test_what_is_dark_in_the_normal_state_is_told_apart_from_what_is_dark_only_now() -> None:
    #  … c ─[K1/ normally]─ e ─ f (C2)      c ─[K2/ now]─ g (C3)
    grid = SOUND + (
        "K1 disconnector c e normal_open open\nL2 line e f\nC2 customer f\n"
        "K2 disconnector c g open\nC3 customer g\n"
    )
    assert ids(grid, "unsupplied_customer") == ["C2"]
    assert ids(grid, "customer_out_now") == ["C3"]
    assert messages(grid, "unsupplied_part") == [
        "a part of 2 nodes, 1 element and 1 customer around node 'e' has no supply in the normal state"
    ]
    assert messages(grid, "unsupplied_now") == [
        (
            "a part of 1 node, 0 elements and 1 customer around node 'g' has no supply now, "
            "while in the normal state it has"
        )
    ]


def test_two_dark_parts_beside_one_open_switch_each_are_two_findings() -> None:
    grid = SOUND + "K1 disconnector c e normal_open open\nK2 disconnector c f normal_open open\n"
    assert ids(grid, "unsupplied_part") == ["e", "f"]


def test_a_switch_that_stands_otherwise_is_named_with_both_positions() -> None:
    grid = SOUND + "K1 disconnector c e normal_open\nK2 disconnector c g open\nK3 fuse c h normal_open open"
    assert messages(grid, "switch_not_normal") == [
        "switch 'K1' is closed and normally open",
        "switch 'K2' is open and normally closed",
    ]


def test_elements_on_a_closed_loop_are_found_and_open_rings_are_not() -> None:
    ring = "L2 line c e\nL3 line e f\n{} b f{}\n"
    assert findings(SOUND + ring.format("K disconnector", " normal_open open"), "loop") == []
    closed = findings(SOUND + ring.format("K disconnector", ""), "loop")
    assert [one.id for one in closed] == ["L1", "L2", "L3", "K"]
    assert closed[0].message == "line_section 'L1' lies on a loop of 4 elements in the normal state"


def test_loops_that_share_a_node_are_told_apart() -> None:
    #      e ─ f        g ─ h
    #       ╲ ╱ three    ╲ ╱  … and one of four: b ─ c is no part of either
    #        b            b
    grid = (
        SOUND + "L2 line b e\nL3 line e f\nL4 line f b\nL5 line b g\nL6 line g h\nL7 line h i\nL8 line i b\n"
    )
    assert {one.id: one.message.split(" a ")[1] for one in findings(grid, "loop")} == {
        **dict.fromkeys(["L2", "L3", "L4"], "loop of 3 elements in the normal state"),
        **dict.fromkeys(["L5", "L6", "L7", "L8"], "loop of 4 elements in the normal state"),
    }


def test_parallel_circuits_beside_a_loop_are_not_of_it() -> None:
    grid = SOUND + "L2 line b e\nL3 line e f\nL4 line f b\nL5 line b c\n"
    assert ids(grid, "loop") == ["L2", "L3", "L4"]
    assert ids(grid, "parallel") == ["L1", "L5"]


def test_two_sources_that_meet_are_no_loop() -> None:
    assert findings(SOUND + "S2 source c kv=10\n", "loop") == []


def test_parallel_circuits_are_parallel_and_no_loop() -> None:
    grid = SOUND + "L2 line c b\nL3 line b c\n"
    assert messages(grid, "parallel") == [
        "line_section 'L1' joins nodes 'b' and 'c' beside line_section 'L2', line_section 'L3'",
        "line_section 'L2' joins nodes 'b' and 'c' beside line_section 'L1', line_section 'L3'",
        "line_section 'L3' joins nodes 'b' and 'c' beside line_section 'L1', line_section 'L2'",
    ]
    assert findings(grid, "loop") == []


def test_a_self_loop_is_found_and_is_no_loop() -> None:
    grid = SOUND + "L2 line c c\n"
    assert messages(grid, "self_loop") == ["line_section 'L2' begins and ends at node 'c'"]
    assert findings(grid, "loop") == []


def test_a_node_without_elements_is_lone_and_no_island() -> None:
    grid = SOUND + "z node\nC9 customer z\n"
    assert messages(grid, "isolated_node") == ["connectivity_node 'z' has no element, and 1 customer on it"]
    assert findings(grid, "island") == []


def test_a_customer_on_a_phase_that_never_comes_is_an_error() -> None:
    grid = SOUND + "L2 line c e AN\nC2 customer e B\nC3 customer e A\nC4 customer e ABC\n"
    assert messages(grid, "phase_never_present") == [
        "customer_point 'C2' needs phase B, and node 'e' can only have A",
        "customer_point 'C4' needs phase BC, and node 'e' can only have A",
    ]


def test_references_to_counties_that_are_not_loaded_are_found_in_every_layer() -> None:
    whole = tables_from_package(sound_package())
    west = _only(whole, "0801")
    assert messages(west, "unknown_reference") == [
        "line_section 'L2' names the node 'n4' in to_node, which is not loaded"
    ]
    east = _only(whole, "0802")
    gone = replace(east, transformers=_rows(east.transformers, []), nodes=_rows(east.nodes, []))
    assert messages(gone, "unknown_reference") == [
        "customer_point 'C1' names the node 'n5' in node_id, which is not loaded",
        "customer_point 'C2' names the node 'n5' in node_id, which is not loaded",
        "transformer_district 'D1' names the transformer 'X1' in transformer_id, which is not loaded",
    ]


def _rows(table: Any, rows: Any) -> Any:
    """Some rows of a table without lines."""
    return type(table)(**{name: column[rows] for name, column in table.columns().items()})


def _only(tables: GridTables, county: str) -> GridTables:
    def mine(table: Any) -> Any:
        rows = np.flatnonzero(table.county == county)
        columns = table.columns()
        if "offsets" in columns:
            assert len(rows) in (0, len(table))
            return table if len(rows) else parse_grid("").lines
        return _rows(table, rows)

    return GridTables(**{name: mine(getattr(tables, name)) for name in GridTables.__dataclass_fields__})


def test_a_report_on_one_county_knows_the_supply_from_the_others() -> None:
    tables = tables_from_package(sound_package())  # 0802 is supplied out of 0801
    assert check_grid(tables, counties=["0802"]) == []
    assert {one.county_code for one in check_grid(tables, counties=["0801"])} == {"0801"}


def test_lines_without_length_are_found_and_busbars_may_have_none() -> None:
    grid = SOUND + "L2 line c e length=0\nB line c f length=0 construction=busbar\n"
    assert messages(grid, "zero_length") == ["line_section 'L2' has length_m 0"]


def test_a_length_that_is_not_as_drawn_is_told_with_both() -> None:
    # L1 runs 0.009 degrees east at 22.8° north. On WGS 84 the parallel's radius is a cos φ / √(1 − e² sin² φ)
    # = 5,882.7 km, so that is 924.05 m.
    tables = tables_from_package(sound_package())
    assert messages(tables, "length_mismatch") == []  # 930 m
    longer = replace(tables, lines=replace(tables.lines, length_m=np.array([1400.0, 2060.5])))
    assert messages(longer, "length_mismatch") == [
        "line_section 'L1' has length_m 1400 and is drawn 924 m long"
    ]


def test_a_line_drawn_backwards_is_told_apart_from_one_that_ends_elsewhere() -> None:
    tables = tables_from_package(sound_package())
    turned = tables.lines.coords.copy()
    turned[:2] = turned[1::-1].copy()
    backwards = replace(tables, lines=replace(tables.lines, coords=turned))
    assert messages(backwards, "drawn_backwards") == ["line_section 'L1' is drawn from to_node to from_node"]
    assert findings(backwards, "end_far_from_node") == []
    away = tables.lines.coords.copy()
    # 0.01 degrees north: the meridian's radius is a (1 − e²) / (1 − e² sin² φ)^1.5 = 6,345.0 km: 1,107.4 m.
    away[3, 1] += 0.01
    elsewhere = replace(tables, lines=replace(tables.lines, coords=away))
    assert messages(elsewhere, "end_far_from_node") == [
        "line_section 'L2' is drawn to end 1107 m from its to_node 'n4'"
    ]


def test_voltages_that_do_not_agree_are_errors() -> None:
    tables = parse_grid(SOUND + "L2 line c e\nK fuse c g\n")
    kv = np.where(np.isin(tables.nodes.id, ["e", "g"]), 0.4, 10.0)
    kv[tables.nodes.id == "d"] = 0.4
    across = replace(tables, nodes=replace(tables.nodes, base_voltage_kv=kv))
    assert messages(across, "voltage_mismatch") == [
        "line_section 'L2' joins nodes of 10 and 0.4 kV",
        "switch 'K' joins nodes of 10 and 0.4 kV",
    ]
    own = replace(tables, lines=replace(tables.lines, base_voltage_kv=np.array([10.0, 20.0])))
    assert messages(own, "voltage_mismatch") == ["line_section 'L2' is of 20 kV between nodes of 10 kV"]


def test_a_transformer_the_wrong_way_round_is_found() -> None:
    tables = parse_grid(SOUND)
    kv = np.where(tables.nodes.id == "d", 0.4, 10.0)
    assert (
        messages(replace(tables, nodes=replace(tables.nodes, base_voltage_kv=kv)), "transformer_sides") == []
    )
    kv = np.where(tables.nodes.id == "d", 20.0, 10.0)
    assert messages(
        replace(tables, nodes=replace(tables.nodes, base_voltage_kv=kv)), "transformer_sides"
    ) == ["power_transformer 'T' has 10 kV at from_node and 20 kV at to_node"]


def test_customers_that_contract_for_more_than_the_transformer_carries() -> None:
    grid = SOUND + "C2 customer d kva=93\n"
    assert messages(grid, "over_contracted") == [
        "power_transformer 'T' is rated 100 kVA and its 2 customers contract for 101 kVA"
    ]
    assert findings(SOUND + "C2 customer d kva=92\n", "over_contracted") == []


def test_a_customer_that_no_district_transformer_feeds_has_no_district() -> None:
    assert ids(SOUND + "C2 customer c\n", "customer_without_district") == ["C2"]


def test_missing_values_are_counted_by_county() -> None:
    tables = tables_from_package(sound_package())
    assert [(one.county_code, one.id, one.message) for one in check_grid(tables)] == [
        ("0801", None, "line_section: 1 of 2 have no r_ohm"),
        ("0801", None, "line_section: 1 of 2 have no rated_current_a"),
        ("0801", None, "line_section: 1 of 2 have no x_ohm"),
    ]


def test_a_reservation_whose_node_or_line_is_gone() -> None:
    claims = [
        Claim(3, "450122", "connectivity_node", "d"),
        Claim(4, "450122", "line_section", "gone"),
        Claim(5, "450122", "connectivity_node", "gone"),
    ]
    found = check_grid(parse_grid(SOUND), claims=claims)
    assert [(one.id, one.message) for one in found if one.rule == "reservation_without_place"] == [
        ("gone", "connectivity_node 'gone' is where reservation 5 joins, and no loaded county has it"),
        ("gone", "line_section 'gone' is where reservation 4 joins, and no loaded county has it"),
    ]


def test_findings_come_by_severity_then_rule_then_place() -> None:
    grid = "@0802\nL9 line q r\n@0801\nL8 line p o\nS source a\nL1 line a b\nL2 line a b\nC1 customer b\n"
    found = check_grid(parse_grid(grid))
    keys = [(one.severity, one.rule, one.county_code) for one in found]
    severities = {"error": 0, "warning": 1, "info": 2}
    rules = list(RULES)
    assert keys == sorted(keys, key=lambda key: (severities[key[0]], rules.index(key[1]), key[2]))
    assert [key for key in keys if key[1] == "island"] == [
        ("warning", "island", "0801"),
        ("warning", "island", "0802"),
    ]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_case_that_finds_it(rule: str) -> None:
    cases = inspect.getsource(sys.modules[__name__])
    assert cases.count(f'"{rule}"') >= 1
