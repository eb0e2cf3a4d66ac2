"""What goes in comes out: the expected answer is the package itself, as its own reader gives it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis_service import store
from gis_service.errors import UnknownId
from gis_service.ingest.package import GridPackage, tables_from_package
from tests.packages import put, sound_frames, sound_package
from tests.store.comparing import assert_same_package, assert_same_tables
from tests.store.grids import awkward_package, trunk_package

PACKAGES = {
    "small": sound_package,
    "awkward": awkward_package,
    "two trunks": lambda: trunk_package(["450122", "08317"], 200),
}
any_package = pytest.mark.parametrize("make", PACKAGES.values(), ids=PACKAGES)


@any_package
def test_the_loaded_tables_equal_those_of_the_package(make: Callable[[], GridPackage]) -> None:
    package = make()
    store.load_package(package)
    tables, versions = store.load_tables()
    assert_same_tables(tables, tables_from_package(package))
    assert versions == dict.fromkeys(sorted(package.counties), 1)


@any_package
def test_load_export_load_is_the_identity(make: Callable[[], GridPackage]) -> None:
    package = make()
    store.load_package(package)
    first = store.export_package()
    assert_same_package(first, package)
    store.load_package(first, replace=True)
    assert_same_package(store.export_package(), package)


def test_one_county_is_read_and_exported_alone() -> None:
    package = trunk_package(["450122", "08317"], 50)
    store.load_package(package)
    alone = trunk_package(["450122"], 50)
    tables, versions = store.load_tables(["450122"])
    assert_same_tables(tables, tables_from_package(alone))
    assert versions == {"450122": 1}
    assert_same_package(store.export_package(["450122"]), alone)


def test_no_county_at_all_gives_empty_tables() -> None:
    tables, versions = store.load_tables()
    assert versions == {}
    assert_same_tables(tables, tables_from_package(GridPackage.of({})))


def test_a_county_that_is_not_loaded_is_named() -> None:
    store.load_package(sound_package())
    with pytest.raises(UnknownId, match="'0999'"):
        store.load_tables(["0801", "0999"])
    with pytest.raises(UnknownId, match="'0999'"):
        store.export_package(["0999"])
    with pytest.raises(UnknownId, match="'0999'"):
        store.current_switches(["0999"])


# Everything that PostgreSQL can hold as text: no NUL, no lone surrogates.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
numbers = st.floats(min_value=0, allow_infinity=False)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=texts, id=texts, kva=numbers, x_ohm=st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_and_number_survives(name: str, id: str, kva: float, x_ohm: float) -> None:
    frames = sound_frames()
    put(frames, "line_section", 1, "name", name)
    put(frames, "line_section", 1, "id", f"{id}-line")
    put(frames, "line_section", 0, "x_ohm", x_ohm)
    put(frames, "customer_point", 0, "id", f"{id}-customer")
    put(frames, "customer_point", 0, "contracted_kva", kva)
    package = GridPackage.of(frames)
    store.load_package(package, replace=True)
    assert_same_tables(store.load_tables()[0], tables_from_package(package))
    assert_same_package(store.export_package(), package)
