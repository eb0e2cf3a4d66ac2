"""What a look sees, held against shapely and the engine's own answers, element by element."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis_service.atlas import Atlas
from gis_service.atlas.ready import Ready, ReadySheet
from gis_service.atlas.sheets import Sheets
from gis_service.engine import Engine
from gis_service.engine.columns import geometries_of, properties_of, table_of
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.held import HeldTables
from gis_service.engine.live import energised
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from layers.geojson_columns import Features
from layers.geojson_writer import feature_collection
from layers.sheet import Seen, Sight
from layers.source import Box
from tests.atlas.read import ids_in, values_of
from tests.drawn import DRAWN, NORTH, SOUTH
from tests.strategies import grids

LAYERS = ("substation", "line_section", "switch", "power_transformer", "customer_point")
WORLD = Box(-180, -90, 180, 90)
DRAWN_TABLES = parse_grid(DRAWN)
STEP = 0.001  # the text grid's mesh
boxes = st.tuples(st.integers(-1, 6), st.integers(-1, 6), st.floats(0, 4), st.floats(0, 4)).map(
    lambda it: Box(
        108 + it[0] * STEP, 22.8 + it[1] * STEP, 108 + (it[0] + it[2]) * STEP, 22.8 + (it[1] + it[3]) * STEP
    )
)


def atlas_of(tables: GridTables, sheets: Sheets | None = None) -> Atlas:
    return Atlas(Engine(CurrentWorld(HeldTables(tables))), sheets=sheets)


def met_one_by_one(tables: GridTables, layer: str, box: Box) -> list[tuple[str, str]]:
    """County and id of every element whose own box meets the box, asked of shapely one by one."""
    found = []
    table = table_of(tables, layer)
    for row, geometry in enumerate(geometries_of(tables, layer, np.arange(len(table)))):
        if geometry is None:
            continue
        own = shapely.box(*shapely.geometry.shape(geometry).bounds)
        if any(own.intersects(shapely.box(*part)) for part in box.parts()):
            found.append((str(table.county[row]), str(table.id[row])))
    return found


@given(grids(), boxes, st.sampled_from(LAYERS))
def test_a_look_sees_what_shapely_finds_of_each(tables: GridTables, box: Box, layer: str) -> None:
    seen = atlas_of(tables).look(layer, Sight(box))
    assert ids_in(seen) == met_one_by_one(tables, layer, box)
    for patch in seen.patches:
        assert patch.rows.dtype == np.int64
        assert (np.diff(patch.rows) > 0).all()


@pytest.mark.parametrize("layer", LAYERS)
def test_stored_fields_are_those_of_the_tables(layer: str) -> None:
    """Expected from the engine's own reading of rows, which makes a dictionary of each."""
    table = table_of(DRAWN_TABLES, layer)
    expected = properties_of(DRAWN_TABLES, layer, np.arange(len(table)))
    names = tuple(expected[0])
    seen = atlas_of(DRAWN_TABLES).look(layer, Sight(WORLD, names))
    found: list[dict[str, Any]] = []
    for patch in seen.patches:
        columns = {name: values_of(column, patch.rows) for name, column in patch.columns.items()}
        columns |= {name: values_of(column) for name, column in patch.live.items()}
        found += [{name: columns[name][k] for name in names} for k in range(patch.rows.size)]
    assert found == expected


@given(grids(), boxes, st.sampled_from(LAYERS))
def test_live_fields_are_those_of_the_rows_in_the_box(tables: GridTables, box: Box, layer: str) -> None:
    atlas = atlas_of(tables)
    scene = atlas.engine.scene()
    table = table_of(tables, layer)
    lit = dict(
        zip(
            zip(table.county.tolist(), table.id.tolist(), strict=True),
            energised(scene, layer, np.arange(len(table))).tolist(),
            strict=True,
        )
    )
    for patch in atlas.look(layer, Sight(box, ("energised",))).patches:
        ids = ids_in(Seen([patch]))
        assert values_of(patch.live["energised"]) == [lit[one] for one in ids]


def test_only_the_fields_asked_for_are_there() -> None:
    seen = atlas_of(DRAWN_TABLES).look("switch", Sight(WORLD, ("kind", "nothing", "open")))
    assert {(*patch.columns, *patch.live) for patch in seen.patches} == {("kind", "open")}


@given(grids(), boxes, st.floats(0, 1), st.sampled_from(LAYERS))
def test_parts_of_a_box_see_together_what_the_box_sees(
    tables: GridTables, box: Box, cut: float, layer: str
) -> None:
    middle = box.west + cut * (box.east - box.west)
    atlas = atlas_of(tables)
    left, right = box._replace(east=middle), box._replace(west=middle)
    parts = {one for part in (left, right) for one in ids_in(atlas.look(layer, Sight(part)))}
    assert parts == set(ids_in(atlas.look(layer, Sight(box))))


def test_a_box_over_the_180th_meridian_sees_both_sides_and_nothing_else() -> None:
    atlas = atlas_of(DRAWN_TABLES)
    around = Box(107.9, -90, 107.8, 90)  # all but a strip that holds nothing
    assert ids_in(atlas.look("switch", Sight(around))) == ids_in(atlas.look("switch", Sight(WORLD)))
    assert ids_in(atlas.look("switch", Sight(Box(179, -90, -179, 90)))) == []


def test_what_is_nowhere_is_in_no_box() -> None:
    tables = parse_grid(DRAWN)
    tables.customers.xy[2] = np.nan
    nobody = str(tables.customers.id[2])
    atlas = atlas_of(tables)
    x, y = tables.customers.xy[0]
    for box in (WORLD, Box(x - 0.01, y - 0.01, x + 0.01, y + 0.01), Box(x, y, x, y)):
        found = ids_in(atlas.look("customer_point", Sight(box)))
        assert found
        assert nobody not in [id for _, id in found]


def test_counties_outside_the_scope_are_not_seen() -> None:
    atlas = atlas_of(DRAWN_TABLES)
    seen = atlas.look("customer_point", Sight(WORLD, counties=frozenset({SOUTH})))
    assert {patch.county for patch in seen.patches} == {SOUTH}
    assert ids_in(atlas.look("customer_point", Sight(WORLD, counties=frozenset()))) == []
    whole = [patch.county for patch in atlas.look("customer_point", Sight(WORLD)).patches]
    assert whole == [NORTH, SOUTH]


def test_a_sheet_is_made_once_though_many_ask() -> None:
    atlas = atlas_of(DRAWN_TABLES)
    seen: list[Seen] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        seen.append(atlas.look("line_section", Sight(WORLD, ("construction", "length_m"))))

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert len(seen) == 8
    for patches in zip(*(one.patches for one in seen), strict=True):
        assert len({id(patch.geometries) for patch in patches}) == 1
        assert len({id(patch.columns["construction"]) for patch in patches}) == 1


def test_a_look_shows_all_that_it_found_whatever_other_looks_forget_meanwhile() -> None:
    """A tile that is asked for while a load comes in must not be an empty one."""

    class Forgotten(Ready):
        """As if another thread came with another world right after whatever is kept."""

        def keep(self, *told: Any) -> dict[str, ReadySheet]:
            kept = super().keep(*told)
            self.forget()
            return kept

    atlas = atlas_of(DRAWN_TABLES)
    atlas.ready = Forgotten()
    for _ in range(2):
        seen = atlas.look("line_section", Sight(WORLD, ("base_voltage_kv",)))
        assert ids_in(seen) == met_one_by_one(DRAWN_TABLES, "line_section", WORLD)


def test_what_is_at_hand_is_gathered_again_after_a_second_and_goes_with_its_sheet() -> None:
    now = [0.0]
    atlas = atlas_of(DRAWN_TABLES)
    atlas.ready = Ready(lambda: now[0])
    shapes = atlas.engine.scene().world.shapes

    def at_hand() -> dict[str, ReadySheet]:
        return dict(atlas.ready.at_hand(shapes, "switch", ("kind",)))

    first = atlas.look("switch", Sight(WORLD, ("kind",)))
    kept = at_hand()
    assert sorted(kept) == sorted({county for county, _ in ids_in(first)})
    now[0] = 0.9
    atlas.look("switch", Sight(WORLD, ("kind",)))
    assert all(one is kept[county] for county, one in at_hand().items())
    now[0] = 1.1
    atlas.look("switch", Sight(WORLD, ("kind",)))
    assert all(one.until > 2.0 for one in at_hand().values())
    atlas.sheets.limit = 0  # the sheet used last stays, the others go
    atlas.look("line_section", Sight(WORLD))
    assert at_hand() == {}


def test_sheets_beyond_the_limit_are_made_again() -> None:
    sheets = Sheets(limit=1)
    atlas = atlas_of(DRAWN_TABLES, sheets)
    for _ in range(2):
        for layer in LAYERS:
            assert ids_in(atlas.look(layer, Sight(WORLD))) == met_one_by_one(DRAWN_TABLES, layer, WORLD)
    assert len(sheets) <= 2


def test_a_patch_can_be_written_as_it_is() -> None:
    (patch, _) = (
        atlas_of(DRAWN_TABLES).look("line_section", Sight(WORLD, ("phases", "length_m", "name"))).patches
    )
    features = Features(patch.geometries, patch.columns, patch.ids)
    assert b'"phases":"ABC"' in b"".join(feature_collection([features], {}))
