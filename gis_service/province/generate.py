"""A province, county by county, without files: the plan, then each county's tables.

A county needs the plan and the areas that reach into it; an area that reaches into several is made for each
of them, or kept for a while.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

import pyarrow as pa

from gis_service.ingest.spec import LAYERS
from gis_service.province.area import make_area
from gis_service.province.made import MadeArea
from gis_service.province.plan import Area, Plan, plan_province
from gis_service.province.tables import area_tables, county_row, schema

__all__ = ["Plan", "county_tables", "generate", "plan_province"]

_KEPT = 24
"""Areas on a border that are kept for the next county: some 5 MB each."""

OnArea = Callable[[MadeArea], None]


def unheard(_made: MadeArea) -> None:
    """The listener of a province nobody listens to."""


def generate(plan: Plan, *, on_area: OnArea = unheard) -> Iterator[tuple[str, dict[str, pa.Table]]]:
    """Yield every county's code and layers, in the order of codes.

    A layer is an Arrow table with the columns of the grid package and WKB in `geom`, sorted by id; `county`
    has one row. Memory is that of one county. `on_area` is called once with every area, with its own county.
    """
    kept = _Kept(plan)
    for county, one in enumerate(plan.counties):
        yield one.code, _county(plan, county, kept, on_area)


def county_tables(plan: Plan, code: str) -> dict[str, pa.Table]:
    """The layers of one county alone: the same as `generate` yields for it.

    Raises
    ------
    KeyError
        For a county that is not in the plan.
    """
    codes = [one.code for one in plan.counties]
    if code not in codes:
        raise KeyError(code)
    return _county(plan, codes.index(code), _Kept(plan), unheard)


def _county(plan: Plan, county: int, kept: _Kept, on_area: OnArea) -> dict[str, pa.Table]:
    parts: dict[str, list[pa.Table]] = {layer.name: [] for layer in LAYERS}
    parts["county"].append(county_row(plan, county))
    for area in plan.areas_of(county):
        made = kept.area(area)
        if area.county == county:
            on_area(made)
        for layer, table in area_tables(plan, made, county).items():
            parts[layer].append(table)
    return {
        layer.name: pa.concat_tables(parts[layer.name]).combine_chunks()
        if parts[layer.name]
        else schema(layer).empty_table()
        for layer in LAYERS
    }


class _Kept:
    """The last areas on a border, so that they need not be made again for the next county."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._areas: OrderedDict[int, MadeArea] = OrderedDict()

    def area(self, area: Area) -> MadeArea:
        if area.number in self._areas:
            self._areas.move_to_end(area.number)
            return self._areas[area.number]
        made = make_area(self._plan, area)
        if len(area.counties) > 1:
            self._areas[area.number] = made
            if len(self._areas) > _KEPT:
                self._areas.popitem(last=False)
        return made
