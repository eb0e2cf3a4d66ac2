"""What lies in a box, out of the engine's memory with its live state; and where a switch operation shows.

Both within a limit, and right: as an R-tree of shapely and a comparison of everything before and after say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from benchmarks.pairing import Limit
from benchmarks.province import province_directory
from benchmarks.setting import Setting
from gis_service.atlas import Atlas
from gis_service.engine.columns import table_of
from gis_service.engine.engine import Engine
from gis_service.engine.following.current import CurrentWorld
from gis_service.engine.following.mapped import MappedGrid
from gis_service.engine.live import energised
from gis_service.engine.world import Scene, World
from layers.geojson_columns import TextColumn
from layers.sheet import Sight
from layers.sheet_features import column_at
from layers.source import Box

NAMES = ("atlas-",)
BOXES, OPERATIONS = 100, 40
SIDE = 0.1
"""Degrees that a box is wide and high: a town."""
LOOK_S, TOUCHED_S = 0.005, 0.05
_LAYERS = ("customer_point", "line_section")


def contests(setting: Setting) -> Iterator[Limit]:
    """A look, and what an operation touches."""
    many = f"{setting.customers:,} customers"
    engine = Engine(CurrentWorld(MappedGrid(province_directory(setting, setting.customers))))
    atlas, world = Atlas(engine), engine.current.get()
    stream = np.random.default_rng(17)
    where = world.topology.tables.customers.xy
    middles = [where[row] for row in stream.integers(0, len(where), setting.some(BOXES)).tolist()]
    boxes = [Box(x - SIDE / 2, y - SIDE / 2, x + SIDE / 2, y + SIDE / 2) for x, y in middles]
    look = partial(_each, lambda box: [_seen(atlas, layer, box) for layer in _LAYERS], boxes)
    look()
    yield Limit(
        name="atlas-look",
        work=f"customers and lines in a box of {SIDE:g}° with their voltage, of {many}",
        limit=LOOK_S,
        measure=look,
        right=lambda: all(_sees_right(atlas, world, layer, boxes[:10]) for layer in _LAYERS),
    )
    operated = _operated(world, setting.some(OPERATIONS))
    touch = partial(_each, lambda after: atlas.touched(world, after), operated)
    touch()
    yield Limit(
        name="atlas-touched",
        work=f"boxes of all that a switch operation touches, among {many}",
        limit=TOUCHED_S,
        measure=touch,
        right=lambda: all(_touches_right(atlas, world, after) for after in operated[:5]),
    )


def _each(work: Callable[[Any], object], questions: list[Any]) -> float:
    """The mean time of a question."""
    began = time.perf_counter()
    for question in questions:
        work(question)
    return (time.perf_counter() - began) / len(questions)


def _seen(atlas: Atlas, layer: str, box: Box) -> Any:
    return atlas.look(layer, Sight(box, ("energised",))).patches


def _operated(world: World, number: int) -> list[World]:
    rows = np.random.default_rng(19).integers(0, len(world.topology.tables.switches), number).tolist()
    states = [world.current.with_switching([row], [not world.current.open[row]]) for row in rows]
    return [world.switched(state, {}) for state in states]


def _sees_right(atlas: Atlas, world: World, layer: str, boxes: list[Box]) -> bool:
    """Whether the ids are those that an R-tree of shapely gives."""
    table: Any = table_of(world.topology.tables, layer)
    shapes: Any
    if layer == "line_section":
        of = np.repeat(np.arange(len(table)), np.diff(np.asarray(table.offsets)))
        shapes = shapely.linestrings(np.asarray(table.coords), indices=of)
    else:
        shapes = shapely.points(np.asarray(table.xy))
    tree = shapely.STRtree(shapes)
    return all(
        _ids(_seen(atlas, layer, box)) == sorted(table.id[np.sort(tree.query(shapely.box(*box)))].tolist())
        for box in boxes
    )


def _ids(patches: Any) -> list[str]:
    found: list[str] = []
    for patch in patches:
        ids = column_at(patch.ids, patch.rows)
        assert isinstance(ids, TextColumn)
        data = ids.data.tobytes()
        found += [data[begin:end].decode() for begin, end in pairwise(ids.offsets.tolist())]
    return sorted(found)


def _touches_right(atlas: Atlas, before: World, after: World) -> bool:
    """Whether as many are touched as differ when all are asked."""
    touched = atlas.touched(before, after)
    scenes = [Scene(world, world.current, world.last_load) for world in (before, after)]
    for layer in _LAYERS:
        rows = np.arange(len(table_of(before.topology.tables, layer)))
        was, is_now = (energised(scene, layer, rows) for scene in scenes)
        if len(touched.get(layer, ())) != int((was != is_now).sum()):
            return False
    return True
