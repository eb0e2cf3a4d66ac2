"""Why a county may not be loaded, replaced or taken out, as far as the other stored counties have a say."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from psycopg2 import extensions

from gis_service.errors import Conflict
from gis_service.store.county_rows import (
    CountyTables,
    Package,
    ids_by_layer,
    stored_ids_by_layer,
    tables_of,
)
from gis_service.store.database import rely_on
from gis_service.store.stored_ids import references_to
from gis_service.store.versions import read_versions

_NAMED = 20


def refuse_before_any_work(
    cursor: extensions.cursor, package: Package, counties: Collection[str], replace: bool
) -> None:
    """Refuse counties that are loaded already, or whose replacement would leave others dangling."""
    loaded = [code for code in read_versions(cursor) if code in counties]
    if loaded and not replace:
        raise already_loaded(loaded)
    if read_versions(cursor).keys() <= set(package.counties):
        return  # nobody is left who could refer to what vanishes
    for county in loaded:
        gone = vanishing(cursor, tables_of(package, county), county)
        refuse_dangling(cursor, gone, package.counties, "replaced")


def already_loaded(counties: Collection[str]) -> Conflict:
    """The refusal to load over these counties without being asked to."""
    what = f"county {', '.join(counties)} is" if len(counties) == 1 else f"counties {', '.join(counties)} are"
    return Conflict(f"{what} already loaded: use --replace to put the package in its place")


def refuse_if_others_moved(before: Mapping[str, int], now: Mapping[str, int], ours: Collection[str]) -> None:
    """Refuse where, of the topology versions before and now, those of other counties than ours differ."""
    moved = sorted(code for code in before.keys() | now.keys() if before.get(code) != now.get(code))
    others = [code for code in moved if code not in ours]
    if others:
        raise Conflict(
            f"county {', '.join(others)} was loaded meanwhile: start again, so that it is checked against"
        )


def refuse_dangling(
    cursor: extensions.cursor, gone: dict[str, Collection[str]], together: Collection[str], what: str
) -> None:
    """Refuse when counties not in `together` refer to one of the ids in `gone` (by layer)."""
    if not any(gone.values()):
        return
    others = read_versions(cursor).keys() - set(together)
    rely_on(cursor, others)
    referring = references_to(cursor, gone, of=others)
    if not referring:
        return
    named = "; ".join(map(str, referring[:_NAMED]))
    more = f"; and {len(referring) - _NAMED} more" if len(referring) > _NAMED else ""
    raise Conflict(
        f"county {', '.join(together)} cannot be {what}, because other counties refer to elements that would "
        f"vanish: {named}{more}; keep these elements, or have the counties {what} together"
    )


def vanishing(cursor: extensions.cursor, tables: CountyTables, county: str) -> dict[str, Collection[str]]:
    """The stored ids of a county, by layer, that its new tables no longer have."""
    new = ids_by_layer(tables)
    old = stored_ids_by_layer(cursor, county)
    return {layer: set(ids) - set(new[layer]) for layer, ids in old.items()}
