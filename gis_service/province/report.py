"""The statistics page: a province's figures beside those of real and of published grids.

Knows how figures are worded and what is known of other grids; measuring is elsewhere. A figure that a source
does not give stays empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.province.equipment import COINCIDENCE_OF_DISTRICT
from gis_service.province.plan import Plan
from gis_service.province.statistics import Statistics

SIMBENCH, REAL, STATE_GRID = "SimBench", "Oberrhein, Schutterwald", "State Grid"
SOURCES = {
    SIMBENCH: (
        "`1-MVLV-{rural,semiurb,urban}-all-0-sw` (SimBench, University of Kassel and partners, ODbL), in "
        "this order, measured on the packages that `gridgis import simbench` writes: low voltage, its "
        "transformers, lines and switches of 20 kV"
    ),
    REAL: (
        "`mv_oberrhein` (20 kV) and `lv_schutterwald` (low voltage) of pandapower, measured on the package "
        "that `gridgis import demo` writes"
    ),
    STATE_GRID: (
        "State Grid Corporation of China, company website, page “Power Distribution Networks”: end of 2020, "
        "6 to 20 kV, 4.273 million km of line of which 0.821 million of cable, 5.242 million transformers "
        "(customers' own among them) with 1.67 billion kVA, 5.868 million switches"
    ),
}
"""Where the figures of each column come from."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the page: what it is, how it stands here, and elsewhere by source."""

    what: str
    here: str
    elsewhere: dict[str, str]


def figures(of: Statistics) -> list[Figure]:
    """Every figure, in the order of the page."""
    total = of.totals
    transformers = max(1.0, total["transformer_district"])
    customers = max(1.0, total["customer_point"])
    switches, feeders = max(1.0, total["switch"]), max(1.0, total["feeders"])
    return [
        Figure(
            "customers of a public transformer (median; 10 % to 90 %)",
            _spread(of.sample("customers_of_transformer"), 0),
            {SIMBENCH: "60, 80, 87 (mean)", REAL: "108 (mean)"},
        ),
        Figure("customers per transformer, all", f"{customers / transformers:.0f}", {}),
        Figure(
            "kVA of a distribution transformer (mean; median)",
            f"{of.sample('kva_of_transformer').mean():.0f}; {np.median(of.sample('kva_of_transformer')):.0f}",
            {SIMBENCH: "242, 405, 542", STATE_GRID: "319"},
        ),
        Figure(
            "transformer kVA per customer",
            f"{of.sample('kva_of_transformer').sum() / customers:.1f}",
            {SIMBENCH: "4.1, 5.1, 6.2"},
        ),
        Figure(
            f"loading of transformers, {COINCIDENCE_OF_DISTRICT:.0%} of contracted (median; 10 % to 90 %)",
            _spread(of.sample("loading") * 100.0, 0, " %"),
            {},
        ),
        Figure(
            "km of 10 kV line per transformer",
            f"{total['medium_km'] / transformers:.2f}",
            {SIMBENCH: "1.29, 0.61, 0.28", REAL: "0.76", STATE_GRID: "0.82"},
        ),
        Figure(
            "cables, share of the 10 kV lines",
            _share(total["medium_underground_km"], total["medium_km"]),
            {SIMBENCH: "60, 69, 100 %", REAL: "90 %", STATE_GRID: "19 %"},
        ),
        Figure(
            "m of low-voltage line per customer, services among them",
            f"{total['low_km'] * 1000.0 / customers:.0f}",
            {SIMBENCH: "18, 17, 15", REAL: "41"},
        ),
        Figure(
            "from transformer to farthest customer, m (median; 10 % to 90 %)",
            _spread(of.sample("low_reach_m"), 0),
            {},
        ),
        Figure(
            "feeders per substation (mean)",
            f"{of.sample('feeders_of_substation').mean():.1f}",
            {SIMBENCH: "8, 9, 11"},
        ),
        Figure(
            "km of 10 kV line per feeder (median; 10 % to 90 %)",
            _spread(of.sample("feeder_km"), 1),
            {SIMBENCH: "14.5, 7.5, 3.4 (mean)"},
        ),
        Figure(
            "from substation to farthest transformer, km (median; 10 % to 90 %)",
            _spread(of.sample("feeder_reach_km"), 1),
            {},
        ),
        Figure(
            "transformers per feeder (median)",
            f"{np.median(of.sample('feeder_transformers')):.0f}",
            {
                SIMBENCH: "11, 12, 12 (mean)",
            },
        ),
        Figure(
            "customers per feeder (median)",
            f"{np.median(of.sample('feeder_customers')):,.0f}",
            {
                SIMBENCH: "671, 974, 1,049 (mean)",
            },
        ),
        Figure(
            "switches above low voltage per transformer",
            f"{total['switches_medium'] / transformers:.1f}",
            {SIMBENCH: "3.3, 3.3, 3.3", REAL: "2.3", STATE_GRID: "1.1"},
        ),
        Figure(
            "normally open, share of the switches above low voltage",
            _share(total["open"], total["switches_medium"], 1),
            {SIMBENCH: "2.0, 2.2, 3.4 %", REAL: "1.9 %"},
        ),
        Figure(
            "normally open switches per feeder",
            f"{total['open'] / feeders:.1f}",
            {
                SIMBENCH: "0.8, 0.9, 1.4",
                REAL: "1.5",
            },
        ),
        Figure(
            "remote controlled, share of the normally open", _share(total["open_remote"], total["open"]), {}
        ),
        Figure(
            "connectivity nodes per customer",
            f"{total['connectivity_node'] / customers:.2f}",
            {SIMBENCH: "3.1, 3.1, 2.7 (a switch at each end of every line)", REAL: "2.4"},
        ),
        Figure("single-phase customers", _share(total["single_phase"], customers), {}),
        Figure(
            "single-phase line sections", _share(total["single_phase_lines"], total["line_section"], 1), {}
        ),
        Figure("critical customers", _share(total["critical"], customers, 2), {}),
        Figure("feeders with customers in several counties", _share(total["border_feeders"], feeders), {}),
        Figure(
            "elements between source and customer (median; most)",
            f"{np.median(of.sample('depth')):.0f}; {of.sample('depth').max():.0f}",
            {},
        ),
        Figure(
            "nodes below a closed switch (median; mean)",
            f"{np.median(of.sample('nodes_below')):.0f}; {of.sample('nodes_below').mean():.0f}",
            {},
        ),
        Figure(
            "customers below a closed switch (median; mean)",
            f"{np.median(of.sample('customers_below')):.0f}; {of.sample('customers_below').mean():.0f}",
            {},
        ),
        Figure(
            "loops on purpose: twin circuits; parallel transformers; joined streets",
            f"{total['twins']:.0f}; {total['parallel']:.0f}; {total['meshes']:.0f}",
            {},
        ),
        Figure("all switches, per customer", f"{switches / customers:.3f}", {}),
    ]


def table(of: Statistics) -> str:
    """The figures for a terminal, those of other grids left out."""
    lines = figures(of)
    width = max(len(one.what) for one in lines)
    return "\n".join(f"{one.what.ljust(width)}  {one.here}" for one in lines)


def page(plan: Plan, of: Statistics) -> str:
    """The page in Markdown."""
    command = (
        f"--counties {len(plan.counties)} --customers {plan.customers} --seed {plan.seed} "
        f"--shapes {plan.shapes}"
    )
    counties = "1 county" if len(plan.counties) == 1 else f"{len(plan.counties):,} counties"
    made = (
        f"Made by `gridgis generate province {command}`: {counties}, {len(plan.areas):,} substations, "
        f"{plan.customers:,} customers. No line and no customer of it exists."
    )
    lines = [
        "# A synthetic province",
        "",
        made,
        "",
        f"| | here | {SIMBENCH} | {REAL} | {STATE_GRID} |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for one in figures(of):
        others = " | ".join(one.elsewhere.get(source, "") for source in SOURCES)
        lines.append(f"| {one.what} | {one.here} | {others} |")
    lines += ["", *(f"- {name}: {what}." for name, what in SOURCES.items()), ""]
    return "\n".join(lines)


def _spread(values: np.ndarray, digits: int, unit: str = "") -> str:
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return f"{middle:,.{digits}f}{unit}; {low:,.{digits}f} to {high:,.{digits}f}{unit}"


def _share(part: float, whole: float, digits: int = 0) -> str:
    return f"{100.0 * part / whole:.{digits}f} %" if whole else "–"
