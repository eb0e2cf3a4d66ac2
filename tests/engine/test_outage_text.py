"""Answers as text: what the values say, from any kind of column, in pieces; and customers counted.

The values are the oracle of the text; sums of fractions and counts of lists are the oracle of the tallies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.engine.context import Switching
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.listing import PIECE_BYTES, Listing
from gis_service.engine.outage import Case
from gis_service.engine.outage_text import answer_text, answers_text, geojson_text, lines_text
from gis_service.engine.tallies import Tallies
from gis_service.engine.world import World
from gis_service.errors import InvalidInput, UnknownId
from gis_service.ingest.spec import CRITICAL_GRADES
from gis_service.network.build import build_topology
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN
from tests.engine.test_features import FORMS, kept_as
from tests.strategies import grids

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PARTS = ("customers", "districts", "elements", "geometry")
CASES = [
    Case(out=["L1"]),
    Case(faults=["L4"]),
    Case(out=["T2", "n5"], switching=[Switching("TIE", False)]),
    Case(),
    Case(out=["S1", "S2"]),
]
AWKWARD = ['say "no"', "back\\slash", "two\nlines\x01", "台区一号", "", "plain", "é\x7f", "tab\t", "/"]


def engine_over(tables: GridTables) -> Engine:
    return Engine(CurrentWorld(HeldTables(tables)), clock=lambda: NOW)


def read(pieces: Iterator[bytes]) -> Any:
    return orjson.loads(b"".join(pieces))


def plainly(answer: Any) -> Any:
    return orjson.loads(orjson.dumps(answer))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("include", [(), PARTS, *[(part,) for part in PARTS]], ids="+".join)
def test_the_text_says_what_the_values_say(form: Callable[[Any], Any], include: tuple[str, ...]) -> None:
    engine = engine_over(kept_as(parse_grid(DRAWN), form))
    for case in CASES:
        found = engine.find_outage(case)
        assert read(answer_text(found.scene, found, include)) == plainly(engine.outage_impact(case, include))
    scene, found_all = engine.find_outages(CASES)
    many = plainly(engine.outage_impacts(CASES, include))
    assert read(answers_text(scene, found_all, include)) == many
    lines = [orjson.loads(line) for line in b"".join(lines_text(scene, found_all, include)).splitlines()]
    assert lines[0] == {**many, "cases": len(CASES)}
    assert lines[1:] == [{"case": k, **case} for k, case in enumerate(many["cases"])]


def test_geojson_holds_what_goes_dark_with_the_counts_beside_it() -> None:
    engine = engine_over(parse_grid(DRAWN))
    found = engine.find_outage(Case(out=["L1"]))
    answer = plainly(engine.outage_impact(Case(out=["L1"]), ("geometry",)))
    geometry = answer.pop("geometry")
    assert read(geojson_text(found.scene, found)) == {**answer, **geometry}


@given(grids())
def test_every_drawn_grid_is_written_as_it_is_told(tables: GridTables) -> None:
    engine = engine_over(tables)
    case = Case(out=[f"energy_source:{id}" for id in tables.sources.id.tolist()])
    found = engine.find_outage(case)
    assert read(answer_text(found.scene, found, PARTS)) == plainly(engine.outage_impact(case, PARTS))


def renamed(tables: GridTables, names: list[str]) -> GridTables:
    """The same grid, its customers with awkward ids, nodes and places."""
    customers = tables.customers
    n = len(customers)
    some = np.array([f"{k}{names[k % len(names)]}" for k in range(n)], object)
    xy = customers.xy.copy()
    xy[::3] = np.nan
    xy[1::3] = [[-179.99999999, 1e-9], [0.1 + 0.2, -0.0]][: len(xy[1::3])]
    kva = np.array([0.1, 1e-7, 1e300, 12.0, 1 / 3, 0.0])[np.arange(n) % 6]
    return replace(tables, customers=replace(customers, id=some, xy=xy, contracted_kva=kva))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_awkward_ids_numbers_and_places_survive(form: Callable[[Any], Any]) -> None:
    engine = engine_over(kept_as(renamed(parse_grid(DRAWN), AWKWARD), form))
    case = Case(out=["S1", "S2"])
    found = engine.find_outage(case)
    assert found.customers.size == 6
    assert read(answer_text(found.scene, found, PARTS)) == plainly(engine.outage_impact(case, PARTS))


def crowd(customers: int) -> GridTables:
    return parse_grid("S source n1\n" + "\n".join(f"customer-{k:06d} customer n1" for k in range(customers)))


def test_a_long_list_comes_in_pieces_of_one_size() -> None:
    engine = engine_over(crowd(20_000))
    found = engine.find_outage(Case(out=["S"]))
    pieces = list(found.scene.world.listing.customers(found.customers, found.tally))
    assert len(pieces) > 10
    assert max(map(len, pieces)) <= PIECE_BYTES + 1
    listed = orjson.loads(b"[" + b"".join(pieces) + b"]")
    assert [one["id"] for one in listed] == found.scene.topology.tables.customers.id.tolist()


def test_lists_that_are_read_by_turns_do_not_mix() -> None:
    """One buffer serves a thread; a list that is read half must not feel the next one."""
    engine = engine_over(crowd(20_000))
    found = engine.find_outage(Case(out=["S"]))
    world = found.scene.world
    whole = b"".join(world.listing.customers(found.customers, found.tally))
    halves = [world.listing.customers(found.customers, found.tally) for _ in range(2)]
    turns = [list(pair) for pair in zip(*halves, strict=True)]
    assert b"".join(a for a, _ in turns) == b"".join(b for _, b in turns) == whole


def test_an_id_longer_than_the_buffer_is_written() -> None:
    tables = crowd(3)
    ids = np.array(["a", "b" * PIECE_BYTES, "c"], object)
    engine = engine_over(replace(tables, customers=replace(tables.customers, id=ids)))
    found = engine.find_outage(Case(out=["S"]))
    listed = read(answer_text(found.scene, found, ("customers",)))["customers"]
    assert [one["id"] for one in listed] == ids.tolist()


def test_faults_of_cases_name_the_case() -> None:
    engine = engine_over(parse_grid(DRAWN))
    cases = [Case(out=["L1"]), Case(out=["L2", "nobody"], faults=["nothing"]), Case(out=["nobody"])]
    with pytest.raises(UnknownId) as unknown:
        engine.find_outages(cases)
    assert unknown.value.places == {"nobody": "cases[1].out[1]", "nothing": "cases[1].faults[0]"}
    assert "cases[1].out[1]" in str(unknown.value)
    with pytest.raises(UnknownId) as unknown:
        engine.find_outages([Case(), Case(switching=[Switching("SW9", True)])])
    assert unknown.value.places == {"SW9": "cases[1].switching[0].id"}
    with pytest.raises(InvalidInput) as invalid:
        engine.find_outages([Case(), Case(switching=[Switching("L1", True)])])
    assert invalid.value.faults[0].startswith("cases[1].switching[0].id: ")


def counted_by_hand(tables: GridTables, districts: Any, rows: list[int]) -> dict[str, Any]:
    customers = tables.customers
    grades = Counter(customers.critical_grade[row] for row in rows)
    return {
        "customers": len(rows),
        "critical": {grade: grades[grade] for grade in CRITICAL_GRADES},
        "transformer_districts": len({districts[row] for row in rows} - {-1}),
        "contracted_kva": float(round(sum(Fraction(customers.contracted_kva[row]) for row in rows), 6)),
    }


@given(grids(), st.data())
def test_customers_are_counted_as_by_hand(tables: GridTables, data: st.DataObject) -> None:
    n = len(tables.customers)
    kva = data.draw(
        st.lists(
            st.one_of(
                st.integers(0, 10**6).map(lambda n: n / 100),
                st.floats(0, 1e6, allow_subnormal=False),
                st.decimals(0, 1000, places=6).map(float),
            ),
            min_size=n,
            max_size=n,
        )
    )
    grades = data.draw(st.lists(st.sampled_from(["", *CRITICAL_GRADES]), min_size=n, max_size=n))
    customers = replace(
        tables.customers,
        contracted_kva=np.array(kva, np.float64),
        critical_grade=np.array(grades, object),
    )
    tables = replace(tables, customers=customers)
    topology = build_topology(tables)
    rows = [row for row in range(n) if data.draw(st.booleans())]
    tally = Tallies(topology).of(np.array(rows, np.int64))
    of = topology.customer_district.tolist()
    assert tally.total == counted_by_hand(tables, of, rows)
    counties = sorted({customers.county[row] for row in rows})
    assert list(tally.by_county) == counties
    for county in counties:
        theirs = [row for row in rows if customers.county[row] == county]
        assert tally.by_county[county] == counted_by_hand(tables, of, theirs)
        first, stop = tally.runs[county]
        assert rows[first:stop] == theirs
    listed = dict(zip(tally.districts, zip(tally.customers, tally.kva, strict=True), strict=True))
    assert list(listed) == sorted({of[row] for row in rows} - {-1})
    for district, (count, power) in listed.items():
        alone = counted_by_hand(tables, of, [row for row in rows if of[row] == district])
        assert (count, power) == (alone["customers"], alone["contracted_kva"])


def test_a_world_that_is_switched_keeps_how_it_counts_and_writes() -> None:
    world: World = engine_over(parse_grid(DRAWN)).scene().world
    tallies, listing = world.tallies, world.listing
    assert isinstance(listing, Listing)
    switched = world.switched(world.current, {})
    assert switched.tallies is tallies
    assert switched.listing is listing
