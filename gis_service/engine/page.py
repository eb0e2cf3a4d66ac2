"""One part of the columns, such as a county's, with all that lists are written from, held by compiled code.

Handing it over takes as long as a small answer, so it is done once. Knows what belongs together; `pages`
opens it.
"""

from __future__ import annotations

from numba.experimental import structref

from compiling import I64, U8, compiled
from compiling.structures import StructureType, define
from gis_service.engine.customer_columns import Columns, Names
from gis_service.engine.district_rows import DistrictTexts
from gis_service.engine.shelf import Shelf


class _PageType(StructureType):
    """Of `Page`."""


class Page(structref.StructRefProxy):
    """One part of the columns, held by compiled code.

    first, stop : rows `[first, stop)` of customers that it has
    columns, names, districts : what they, the ids of their districts and these districts are written from
    plain : no id among them needs an escape in JSON
    lead_ends, leads : of every county, what stands in a customer between its id and that of its district,
        each with `STRIDE` bytes of no meaning behind it, ending there
    shelf : texts of customers of all pages
    """

    first: int
    stop: int
    columns: Columns
    names: Names
    districts: DistrictTexts
    plain: bool
    lead_ends: I64
    leads: U8
    shelf: Shelf


define(Page, _PageType)


@compiled
def hold_page(
    first: int,
    stop: int,
    columns: Columns,
    names: Names,
    districts: DistrictTexts,
    plain: bool,
    lead_ends: I64,
    leads: U8,
    shelf: Shelf,
) -> Page:
    """Hand a page over for as long as it is used."""
    return Page(  # type: ignore[no-untyped-call]
        first, stop, columns, names, districts, plain, lead_ends, leads, shelf
    )
