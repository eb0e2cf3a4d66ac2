"""How realistic a province is: figures within stated bands, and the figures of other grids as measured here.

The bands lie around the grids that docs/province.md names; theirs are measured again from the packages.
"""

from __future__ import annotations

import numpy as np
import pytest

from gis_service.ingest.frames import GridPackage
from gis_service.province.plan import plan_province
from gis_service.province.report import REAL, SIMBENCH, figures, page, table
from tests.importers.grids import DEMO, RURAL, SEMIURBAN, grid
from tests.province.provinces import two_counties


def test_figures_lie_within_their_bands() -> None:
    statistics = two_counties().statistics
    total = statistics.totals
    transformers = total["transformer_district"]
    assert 55 <= np.mean(statistics.sample("customers_of_transformer")) <= 110
    assert 250 <= statistics.sample("kva_of_transformer").mean() <= 500
    assert 0.28 <= np.median(statistics.sample("loading")) <= 0.6
    assert statistics.sample("loading").max() <= 0.6
    assert 0.5 <= total["medium_km"] / transformers <= 1.2
    assert 0.1 <= total["medium_underground_km"] / total["medium_km"] <= 0.35
    assert 10 <= total["low_km"] * 1000 / total["customer_point"] <= 40
    assert 100 <= np.median(statistics.sample("low_reach_m")) <= 300
    assert statistics.sample("feeder_reach_km").max() <= 25
    assert 0.01 <= total["open"] / total["switches_medium"] <= 0.05
    assert 0.5 <= total["connectivity_node"] / total["customer_point"] <= 1.1
    assert 0.6 <= total["single_phase"] / total["customer_point"] <= 0.9
    assert 30 <= np.median(statistics.sample("nodes_below")) <= 90


def medium(package: GridPackage) -> dict[str, float]:
    """The figures of another grid that stand in the page."""
    kv = package["connectivity_node"].set_index("id")["base_voltage_kv"]
    units = package["power_transformer"]
    units = units[(units["from_node"].map(kv) < 50.0) & (units["to_node"].map(kv) < 1.0)]
    lines, switches = package["line_section"], package["switch"]
    on_medium = lines[(lines["base_voltage_kv"] > 1.0) & (lines["base_voltage_kv"] < 50.0)]
    low = lines[lines["base_voltage_kv"] <= 1.0]
    above = switches[switches["from_node"].map(kv) > 1.0]
    customers = int((package["customer_point"]["node_id"].map(kv) < 1.0).sum())
    cable = on_medium[on_medium["construction"] == "underground"]
    return {
        "customers": customers / len(units),
        "kva": units["rated_kva"].mean(),
        "km": on_medium["length_m"].sum() / 1000.0 / len(units),
        "cable": 100.0 * cable["length_m"].sum() / on_medium["length_m"].sum(),
        "low": low["length_m"].sum() / customers,
        "open": 100.0 * above["normal_open"].mean(),
        "switches": len(above) / len(units),
    }


def stands(what: str, source: str) -> list[float]:
    """The numbers that the page gives for a figure and a source."""
    for one in figures(two_counties().statistics):
        if one.what.startswith(what):
            text = one.elsewhere[source].split("(")[0].replace("%", "").replace(",", " ")
            return [float(number) for number in text.split()]
    raise KeyError(what)


@pytest.mark.parametrize(("code", "place"), [(RURAL, 0), (SEMIURBAN, 1)])
def test_the_figures_of_simbench_are_what_the_packages_give(code: str, place: int) -> None:
    measured = medium(grid(code).package)
    assert stands("customers of a public", SIMBENCH)[place] == round(measured["customers"])
    assert stands("kVA of a", SIMBENCH)[place] == round(measured["kva"])
    assert stands("km of 10 kV line per transformer", SIMBENCH)[place] == round(measured["km"], 2)
    assert stands("cables", SIMBENCH)[place] == round(measured["cable"])
    assert stands("m of low-voltage", SIMBENCH)[place] == round(measured["low"])
    assert stands("normally open, share", SIMBENCH)[place] == round(measured["open"], 1)
    assert stands("switches above", SIMBENCH)[place] == round(measured["switches"], 1)


def test_the_figures_of_oberrhein_and_schutterwald_are_what_the_package_gives() -> None:
    package = grid(DEMO).package
    measured = medium(package)
    assert stands("km of 10 kV line per transformer", REAL) == [round(measured["km"], 2)]
    assert stands("cables", REAL) == [round(measured["cable"])]
    assert stands("normally open, share", REAL) == [round(measured["open"], 1)]
    assert stands("switches above", REAL) == [round(measured["switches"], 1)]
    # Schutterwald alone has low voltage: 14 transformers, their households one by one.
    assert stands("customers of a public", REAL) == [round(1506 / 14)]
    low = package["line_section"]
    low = low[low["base_voltage_kv"] <= 1.0]
    assert stands("m of low-voltage", REAL) == [round(low["length_m"].sum() / 1506)]


def test_the_page_names_the_command_and_every_figure() -> None:
    made = two_counties()
    text = page(made.plan, made.statistics)
    assert "`gridgis generate province --counties 2 --customers 20000 --seed 1 --shapes guangxi`" in text
    for one in figures(made.statistics):
        assert f"| {one.what} | {one.here} |" in text
        assert one.what in table(made.statistics)


def test_the_smallest_province_has_a_page_as_well() -> None:
    from gis_service.province.generate import generate
    from gis_service.province.statistics import Statistics

    plan = plan_province(counties=1, customers=1, seed=1, shapes="squares")
    statistics = Statistics()
    assert [code for code, _ in generate(plan, on_area=statistics.add)] == ["990001"]
    assert "1 county" in page(plan, statistics)
