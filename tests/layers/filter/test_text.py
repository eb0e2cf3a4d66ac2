"""CQL2 text read to its tree: as the `cql2` package reads it, and what is refused with what sentence.

The package is the oracle only: it overflows the stack on a long chain of ANDs and takes minutes over a few
brackets that nobody closed (docs/adr/0019).
"""

from __future__ import annotations

import time
from typing import Any

import cql2
import orjson
import pytest
import shapely
from hypothesis import assume, given

from layers.filter.check import MAX_COORDINATES, MAX_NODES, read_filter
from layers.filter.text import read_text
from layers.source import BadQuery
from tests.layers.filter.trees import FILTERS, LINES


def plain(tree: Any) -> Any:
    """A tree in one spelling: numbers as floats, names in lower case, shapes as WKT."""
    if isinstance(tree, shapely.Geometry):
        return shapely.to_wkt(shapely.normalize(tree))
    if isinstance(tree, list):
        return [plain(one) for one in tree]
    if isinstance(tree, int | float) and not isinstance(tree, bool):
        return float(tree)
    if not isinstance(tree, dict):
        return tree
    if "coordinates" in tree:
        return plain(shapely.from_geojson(orjson.dumps(tree)))
    if "op" not in tree:
        return {name: plain(value) for name, value in tree.items()}
    op, args = tree["op"].lower(), [plain(one) for one in tree["args"]]
    if op == "not" and isinstance(args[0], dict) and args[0].get("op") == "not":
        return args[0]["args"][0]
    if op in ("and", "or"):  # joined once more where they stand inside each other
        args = [
            part
            for one in args
            for part in (one["args"] if isinstance(one, dict) and one.get("op") == op else [one])
        ]
    if op == "*" and args[0] == -1.0 and isinstance(args[1], float):
        return -args[1]
    return {"op": op, "args": args}


@given(tree=FILTERS)
def test_text_is_read_as_the_cql2_package_reads_it(tree: Any) -> None:
    text = cql2.Expr(tree).to_text()
    assume("div(" not in text)  # written as a function, which it is not in the grammar
    assert plain(read_text(text)) == plain(cql2.parse_text(text).to_json())


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a = 1 OR b = 2 AND NOT c", "(a = 1) OR ((b = 2) AND (NOT c))"),
        ("a + b * c ^ 2 - d / 2 = 1", "((a + (b * (c ^ 2))) - (d / 2)) = 1"),
        ("a - b - c = 0", "((a - b) - c) = 0"),
        ("a NOT IN ('x', 'y')", "NOT (a IN ('x','y'))"),
        ("a NOT BETWEEN 1 AND 2 AND b", "(NOT (a BETWEEN 1 AND 2)) AND b"),
        ("a IS NOT NULL", "NOT (a IS NULL)"),
        ("\"a\" = 'it''s'", "a = 'it''s'"),
        ("not not a", "a"),
        ("-a < -1", "(-1 * a) < -1"),
        ("casei(a) like casei('x%')", "CASEI(a) LIKE CASEI('x%')"),
    ],
)
def test_precedence_is_that_of_the_grammar(text: str, tree: str) -> None:
    assert plain(read_text(text)) == plain(read_text(tree))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ends where a property"),
        ("name =", "ends where a property"),
        ("name = 'a' name", "expected the end, AND, OR or an operator instead of 'name' at character 12"),
        ("(name = 'a'", r"ends where '\)'"),
        ("name = 'a", "is no CQL2"),
        ("name = 'a'; DROP TABLE switch", "'; DROP TABLE switch' at character 11 is no CQL2"),
        ("name = 'a' -- x", "no property 'x'"),
        ("nosuch = 1", "probe_line has no property 'nosuch'; it has id, county_code, name"),
        ("length_m = 'a'", "= compares a number with a string"),
        ("name", "is a string, and not something that holds"),
        ("name = NULL", "IS NULL"),
        ("name LIKE name", "pattern of LIKE is a text"),
        ("name LIKE 'a\\'", "single backslash"),
        ("name LIKE '%a%b%c%d%e%f%g%h%i%'", "8 %"),
        ("buried < TRUE", "true and false have none"),
        ("geometry = POINT(1 2)", "S_EQUALS"),
        ("pg_sleep(9) = 1", "'pg_sleep' is no operator"),
        ("length_m > 1e999", "too large"),
        ("T_AFTER(name, DATE('2020-01-01'))", "no operator"),
        ("name = TIMESTAMP('2020-01-01T00:00:00Z')", "datetime"),
        ("S_INTERSECTS(geometry, POINT(200 0))", "outside lon/lat"),
        ("S_INTERSECTS(geometry, POINT(0 x))", "no geometry"),
        ("S_INTERSECTS(geometry, POINT EMPTY)", "without coordinates"),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 0 1, 1 0, 0 0)))", "not valid"),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 0 1)))", "no geometry"),
        ("S_INTERSECTS(geometry, BBOX(0, 2, 1, 1))", "south"),
        ("S_INTERSECTS(geometry, name)", "takes a geometry"),
        ("NOT length_m", "takes a boolean"),
        ("length_m + name > 1", "takes a integer or number, not a string"),
    ],
)
def test_a_fault_is_told_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(BadQuery, match=said) as told:
        read_filter(text, "cql2-text", LINES)
    assert str(told.value).startswith("filter: ")
    assert len(str(told.value)) < 500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[" * 5000, "no JSON"),
        ("7", "is a number"),
        ("null", "IS NULL"),
        ("[]", "no value"),
        ("{}", "no operator"),
        ('{"op":"="}', "args"),
        ('{"op":7,"args":[]}', "7 is no operator"),
        ('{"op":"=","args":[1]}', "2 arguments, not 1"),
        ('{"op":"in","args":[1,2]}', "list of values"),
        ('{"op":"and","args":[true]}', "two conditions"),
        ('{"property":7}', "no property 7"),
        ('{"op":"=","args":[{"property":"name"},"a\\u0000"]}', "character 0"),
        (
            '{"op":"s_within","args":[{"property":"geometry"},{"type":"Point","coordinates":["a",1]}]}',
            "no geometry",
        ),
        ('{"op":"s_within","args":[{"property":"geometry"},{"bbox":[1,2,3]}]}', "four numbers"),
    ],
)
def test_a_fault_of_cql2_json_is_told_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(BadQuery, match=said):
        read_filter(text, "cql2-json", LINES)


ENDLESS = {
    "brackets": "(" * 60_000,
    "closed brackets": "(" * 5_000 + "buried" + ")" * 5_000,
    "a long chain": "buried AND " * 5_000 + "buried",
    "sums": "1+" * 20_000 + "1 = 1",
    "turned": "NOT " * 16_000 + "buried",
    "minus": "-" * 60_000 + "1 = 1",
    "functions": "casei(" * 10_000,
    "a list": "name IN (" + "'a'," * 10_000 + "'b')",
    "shapes in shapes": "S_WITHIN(geometry, " + "GEOMETRYCOLLECTION(" * 3_000 + ")",
    "a quote": "name = '" + "''" * 30_000,
    "a million vertices": "S_WITHIN(geometry, LINESTRING(" + "0 0,1 1," * 500_000 + "0 0))",
    "many vertices": "S_WITHIN(geometry, LINESTRING(" + "0 0,1 1," * MAX_COORDINATES + "0 0))",
    "wildcards": "name LIKE '" + "%_" * 200 + "'",
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_what_is_too_large_is_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    if text.startswith(("NOT", "-")):  # an even number of them is nothing at all
        read_filter(text, "cql2-text", LINES)
    else:
        with pytest.raises(BadQuery, match=r"^filter: .{10,400}$"):
            read_filter(text, "cql2-text", LINES)
    assert time.perf_counter() - began < 2


def test_the_number_of_nodes_is_bounded_exactly() -> None:
    def chain(parts: int) -> str:
        return " AND ".join(["buried"] * parts)

    read_filter(chain(MAX_NODES - 1), "cql2-text", LINES)
    with pytest.raises(BadQuery, match=f"more than {MAX_NODES}"):
        read_filter(chain(MAX_NODES), "cql2-text", LINES)
