"""Planning: every customer has a place, counties are shared out, what makes no province is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.errors import InvalidInput
from gis_service.province.files import check_target
from gis_service.province.layout import layout
from gis_service.province.plan import plan_province
from gis_service.province.plane import Plane, cosine, lengths_m
from gis_service.province.siting import portions


@pytest.mark.parametrize(
    ("counties", "customers"), [(1, 1), (111, 111), (111, 20_000), (10, 1_000_000), (111, 10_000_000)]
)
def test_guangxi_has_room_for_every_customer(counties: int, customers: int) -> None:
    plan = plan_province(counties=counties, customers=customers, seed=1, shapes="guangxi")
    assert sum(area.customers for area in plan.areas) == customers
    assert {area.county for area in plan.areas} == set(range(counties))
    assert [county.code for county in plan.counties] == sorted(county.code for county in plan.counties)
    assert plan.counties[0].code == "450102"
    cells = [cell for area in plan.areas for cell in area.site.cells()]
    assert len(set(cells)) == len(cells), "no area lies over another"


def test_more_counties_than_guangxi_has_are_squares_with_invented_codes() -> None:
    plan = plan_province(counties=150, customers=30_000, seed=1)
    assert plan.shapes == "squares"
    assert plan.counties[0].code == "990001"
    assert len({county.code for county in plan.counties}) == 150


@pytest.mark.parametrize("customers", [1, 7, 59, 731, 5_000, 13_999, 17_000])
def test_a_layout_gives_every_district_a_place(customers: int) -> None:
    (area,) = plan_province(counties=1, customers=customers, seed=1, shapes="squares").areas[:1]
    shape = layout(area)
    assert sum(trunk.districts for trunk in shape.trunks) == shape.districts
    assert 1 <= shape.districts <= area.customers
    for trunk in shape.trunks:
        assert trunk.districts <= trunk.rows * 2 * area.kind.slots
        assert trunk.rows <= area.kind.rows


@given(
    st.integers(0, 10**7),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(lambda weights: sum(weights) > 0),
)
def test_portions_add_up_and_are_fair(total: int, weights: list[int]) -> None:
    shared = portions(total, np.array(weights, np.int64))
    assert shared.sum() == total
    exact = np.array(weights) * total / sum(weights)
    assert (np.abs(shared - exact) < 1.0 + 1e-6).all()


@given(st.floats(-60.0, 60.0))
def test_the_cosine_is_the_cosine(degrees: float) -> None:
    assert abs(cosine(np.array([degrees]))[0] - np.cos(np.radians(degrees))) < 1e-9


@given(st.floats(-3e5, 3e5), st.floats(-3e5, 3e5), st.floats(-3e4, 3e4), st.floats(-3e4, 3e4))
def test_lengths_are_those_of_the_ellipsoid(x: float, y: float, dx: float, dy: float) -> None:
    from pyproj import Geod

    plane = Plane(108.25, 23.7, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
    ends = plane.lonlat(np.array([[x, y], [x + dx / 100.0, y + dy / 100.0]]))
    metres = lengths_m(ends, np.array([0, 2]))[0]
    _, _, exact = Geod(ellps="WGS84").inv(*ends[0], *ends[1])
    assert metres == pytest.approx(exact, rel=1e-3, abs=0.01)


@pytest.mark.parametrize(
    ("counties", "customers", "seed", "shapes", "said"),
    [
        (0, 10, 1, None, "at least one county, not 0"),
        (1, 0, 1, None, "at least one customer, not 0"),
        (5, 4, 1, None, "5 counties need at least as many customers, not 4"),
        (1, 10, -1, None, "the seed is a whole number from 0, not -1"),
        (112, 500, 1, "guangxi", "Guangxi has 111 counties, not 112: say --shapes squares"),
        (10_000, 20_000, 1, None, "codes for 9,999 squares, not 10,000"),
        (9_999, 10**12, 1, None, "more than the 9,999 substations there are numbers for: take"),
        (1, 10**11, 1, "squares", "more than the 9,999 substations there are numbers for: take"),
        (1, 50_000_000, 1, "guangxi", "take more counties, fewer customers, or --shapes squares"),
    ],
)
def test_what_makes_no_province_is_refused(
    counties: int, customers: int, seed: int, shapes: object, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        plan_province(counties=counties, customers=customers, seed=seed, shapes=shapes)  # type: ignore[arg-type]


def test_a_place_that_is_no_directory_is_named_as_what_it_is(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch()
    link.symlink_to(tmp_path)
    for target, said in (
        (file, "is a file, not a directory"),
        (file / "below", "file is a file, not a directory"),
        (link, "is a symbolic link"),
        (tmp_path / "no" / "such", "does not exist; create it first"),
    ):
        with pytest.raises(InvalidInput, match=said):
            check_target(target, force=True)
