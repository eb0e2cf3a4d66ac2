"""SimBench's own habits: profiles, codes, attribution. Expected classes: BDEW's standard load profiles."""

from __future__ import annotations

import pytest

from gis_service.errors import InvalidInput
from gis_service.ingest.pandapower_customers import customer_class
from gis_service.ingest.simbench_grid import ATTRIBUTION, import_simbench
from tests.importers.grids import RURAL, grid


@pytest.mark.parametrize(
    ("load_type", "profile", "expected"),
    [
        (None, "H0-A", "residential"),
        (None, "G1-B", "commercial"),
        (None, "L2-M", "agricultural"),
        (None, "BL-H", None),
        ("HH", None, "residential"),
        ("MV Load", None, "industrial"),
        ("wye", None, None),
        (None, None, None),
    ],
)
def test_the_class_that_a_type_or_a_profile_says(
    load_type: str | None, profile: str | None, expected: str | None
) -> None:
    assert customer_class(load_type, profile) == expected


def test_the_classes_of_the_rural_grid_are_those_of_its_profiles() -> None:
    net, package = grid(RURAL).net, grid(RURAL).package
    letters = net.load.profile.str[0].value_counts()
    classes = package["customer_point"]["customer_class"].value_counts()
    assert classes.to_dict() == {
        "residential": letters["H"], "commercial": letters["G"], "agricultural": letters["L"],
    }  # fmt: skip


def test_a_simbench_import_names_its_source_and_is_the_net_imported() -> None:
    package = import_simbench(RURAL)
    assert package.notes[0] == ATTRIBUTION
    assert "Open Database License" in ATTRIBUTION
    assert package.counties == ["simbench"]
    assert package["county"]["name"].tolist() == [f"SimBench {RURAL}"]
    direct = grid(RURAL).package
    assert package.row_counts == direct.row_counts
    assert package["switch"]["id"].equals(direct["switch"]["id"])


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(InvalidInput, match="SimBench has no grid 'rural'"):
        import_simbench("rural")
