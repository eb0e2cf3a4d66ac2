"""Pages put together county by county, whatever is believed about how many features a county holds.

Expected pages are slices of the whole sorted list; which counties are asked is held against what is needed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.postgis import CountyTable
from layers.source import Description, Field, Key, Query, Unreachable

FIELDS = (Field("id", "string"), Field("county_code", "string"))
COUNTIES = ("01", "02", "03", "04", "05")


@dataclass(frozen=True)
class InMemory(CountyTable):
    """The table's rows in a list instead of a database; writes down which counties were asked."""

    rows: tuple[tuple[str, str], ...] = ()
    asked: list[list[str]] = field(default_factory=list)
    after: tuple[str, str] | None = None
    away: frozenset[str] = frozenset()

    def _select(
        self, counties: Collection[str], conditions: Any, limit: int | None
    ) -> tuple[pa.Table, Collection[str]]:
        self.asked.append(sorted(counties))
        found = [
            {"id": id, "county_code": county, "geom": None}
            for county, id in self.rows
            if county in counties and (self.after is None or (county, id) > self.after)
            if county not in self.away
        ]
        rows = pa.Table.from_pylist(found[:limit], schema=self._schema())
        return rows, self.away & set(counties)


def table(rows: dict[str, int], believed: dict[str, int], after: tuple[str, str] | None) -> InMemory:
    listed = tuple((county, f"{county}-{k:02}") for county in sorted(rows) for k in range(rows[county]))
    return InMemory(
        Description("thing", "Things", "", "Polygon", FIELDS),
        read=lambda *_: (_ for _ in ()).throw(AssertionError("no database is asked")),
        rows_by_county=lambda box: believed,
        counties_of_id=lambda _: COUNTIES,
        extent_of=lambda _: None,
        rows=listed,
        after=after,
    )


counts = st.fixed_dictionaries({county: st.integers(0, 6) for county in COUNTIES})


@given(
    rows=counts,
    believed=counts,
    limit=st.integers(1, 12),
    after=st.none() | st.tuples(st.sampled_from(COUNTIES), st.integers(0, 6)),
)
def test_a_page_is_a_slice_of_all_features_whatever_is_believed(
    rows: dict[str, int], believed: dict[str, int], limit: int, after: tuple[str, int] | None
) -> None:
    key = None if after is None else (after[0], f"{after[0]}-{after[1]:02}")
    of = table(rows, believed, key)
    left = [one for one in of.rows if key is None or one > key]
    page = of.page(Query(limit, after=None if key is None else Key(*key)))
    found = [one.decode() for one in _texts(page.features.ids)]
    assert found == [id for _, id in left[:limit]]
    assert page.after == (Key(*left[limit - 1]) if len(left) > limit else None)
    together = [county for counties in of.asked for county in counties]
    assert together == sorted(set(together))  # each at most once, in order


@given(rows=counts, limit=st.integers(1, 12))
def test_what_is_believed_rightly_is_asked_at_once_and_no_further_than_needed(
    rows: dict[str, int], limit: int
) -> None:
    of = table(rows, rows, None)
    of.page(Query(limit))
    needed = {county for county, _ in of.rows[: limit + 1]}
    assert len(of.asked) == 1
    assert max(of.asked[0]) == (max(needed) if len(of.rows) > limit else COUNTIES[-1])


@given(rows=counts, limit=st.integers(1, 12), away=st.frozensets(st.sampled_from(COUNTIES)))
def test_a_page_has_all_features_of_the_counties_that_answer_and_names_the_others_it_asked(
    rows: dict[str, int], limit: int, away: frozenset[str]
) -> None:
    of = replace(table(rows, rows, None), away=away)
    page = of.page(Query(limit))
    found = [one.decode() for one in _texts(page.features.ids)]
    assert found == [id for county, id in of.rows if county not in away][:limit]
    asked = {county for counties in of.asked for county in counties}
    assert page.missing == tuple(sorted(away & asked))
    last = COUNTIES[-1] if page.after is None else page.after.county
    assert {county for county in COUNTIES if county <= last} <= asked  # none was passed over silently


@given(
    rows=counts,
    limit=st.integers(1, 12),
    away=st.frozensets(st.sampled_from(COUNTIES)),
    seen=st.frozensets(st.sampled_from(COUNTIES)),
    after=st.none() | st.tuples(st.sampled_from(COUNTIES), st.integers(0, 6)),
)
def test_a_page_of_some_counties_is_that_of_a_grid_that_has_no_others(
    rows: dict[str, int],
    limit: int,
    away: frozenset[str],
    seen: frozenset[str],
    after: tuple[str, int] | None,
) -> None:
    key = None if after is None else (after[0], f"{after[0]}-{after[1]:02}")
    query = Query(limit, after=None if key is None else Key(*key), counties=seen)
    whole = replace(table(rows, rows, key), away=away)
    those = {county: count for county, count in rows.items() if county in seen}
    alone = replace(table(those, those, key), away=away)
    found, expected = whole.page(query), alone.page(replace(query, counties=None))
    assert _texts(found.features.ids) == _texts(expected.features.ids)
    assert (found.after, found.missing) == (expected.after, expected.missing)
    assert whole.asked == alone.asked


def test_a_feature_of_a_county_that_is_not_seen_is_not_looked_for() -> None:
    of = replace(table({"01": 1, "02": 1}, {}, None), away=frozenset({"02"}))
    assert of.feature("01-00", frozenset()) is None
    assert of.asked == []
    found = of.feature("01-00", frozenset({"01"}))
    assert found is not None
    assert of.asked == [["01"]]


def test_a_feature_that_a_county_which_does_not_answer_may_hold_is_not_said_not_to_exist() -> None:
    of = replace(table({"01": 2, "02": 1}, {}, None), away=frozenset({"02"}))
    with pytest.raises(Unreachable, match="county 02 may hold '02-00' of thing"):
        replace(of, rows=()).feature("02-00")


def _texts(column: Any) -> list[bytes]:
    data = bytes(column.data)
    return [data[a:b] for a, b in zip(column.offsets[:-1].tolist(), column.offsets[1:].tolist(), strict=True)]
