"""Looks at the grid: what of a layer lies in a box, with its state at a moment; and the stamp of such a look.

One look is of one scene: places, stored fields and live state belong together, whatever happens meanwhile.
"""

from __future__ import annotations

import numpy as np
import xxhash

from gis_service.atlas.live import LIVE, live_columns
from gis_service.atlas.plan import Marks, Runs, scope_text
from gis_service.atlas.sheet import Sheet, TableRows
from gis_service.atlas.sheets import SheetKey, Sheets, load_of
from gis_service.atlas.veil import veiled
from gis_service.engine import Engine
from gis_service.engine.columns import rfc3339, table_of
from gis_service.engine.context import Context
from gis_service.engine.shapes import CountyRun, Shapes
from gis_service.engine.world import Scene, World
from layers.sheet import Patch, Seen, Sight
from layers.source import Counties

_NOWHERE = Runs(())


class Atlas:
    """The sheets of one engine's grid.

    Parameters
    ----------
    engine
        Whose world is looked at.
    sheets
        Where sheets are kept.
    """

    def __init__(self, engine: Engine, sheets: Sheets | None = None) -> None:
        self.engine = engine
        self.sheets = Sheets() if sheets is None else sheets
        # a race of two threads here comes to the same
        self._runs: tuple[Shapes | None, dict[str, Runs]] = None, {}
        self._marks: Marks | None = None

    def look(self, layer: str, sight: Sight) -> Seen:
        """What of a layer lies in a box.

        Fields that the layer does not have are passed over, so that several layers can be asked alike.

        Raises
        ------
        Impossible
            When live fields are asked for at a moment that lies in the future.
        NotReady
            When the grid cannot be read.
        """
        live = _live_fields(layer, sight)
        scene = self._scene(sight) if live else self.engine.scene()
        world = scene.world
        patches: list[Patch] = []
        near = self._runs_of(world, layer).meeting(sight.box, sight.counties)
        grown = False
        for run in near:
            sheet, rows = self._sheet(world, layer, run)
            size = sheet.nbytes
            found = sheet.index.rows(sight.box)
            if found.size:
                stored = [name for name in sight.fields if rows.has(name) and name not in live]
                columns = {name: sheet.column(name, rows.column) for name in stored}
                if sight.counties is not None:
                    own = np.arange(run.first, run.stop)
                    columns = veiled(world, layer, own, columns, sight.counties)
                state = live_columns(scene, layer, found + run.first, live)
                patches.append(Patch(run.county, found, sheet.geometries, sheet.ids, columns, state))
            grown = grown or sheet.nbytes != size
        if grown:
            self.sheets.tidy()
        return Seen(patches, _missing(scene.missing, world, [run.county for run in near], sight.counties))

    def stamp(self, layer: str, sight: Sight) -> str:
        """A text that is another one whenever `look` can answer anything else.

        To be taken before the look: what changes in between makes the next stamp another one. Whoever keeps
        an answer does so only where nothing was missing.

        Raises
        ------
        NotReady
            When the grid cannot be read.
        """
        world = self.engine.current.get()
        marks = self._marks_of(world)
        live = _live_fields(layer, sight)
        mark = marks.of_network if live else marks.of_load
        near = [run.county for run in self._runs_of(world, layer).meeting(sight.box, sight.counties)]
        told = [layer, "" if sight.counties is None else f"for {scope_text(sight.counties)}"]
        told += dict.fromkeys(mark(county) for county in near)
        if missing := _missing(world.missing_counties, world, near, sight.counties):
            told += ["missing", *missing]
        if live and sight.moment is not None:
            told += ["at", rfc3339(sight.moment)]
        return xxhash.xxh3_128_hexdigest("\n".join(told).encode())

    def _scene(self, sight: Sight) -> Scene:
        return self.engine.scene(Context(at=sight.moment))

    def _sheet(self, world: World, layer: str, run: CountyRun) -> tuple[Sheet, TableRows]:
        rows = TableRows(table_of(world.topology.tables, layer), run.county, run.first, run.stop)
        return self.sheets.get(SheetKey(layer, load_of(world, run.county)), rows.sheet), rows

    def _runs_of(self, world: World, layer: str) -> Runs:
        shapes, runs = self._runs
        if shapes is not world.shapes:
            self.sheets.tidy(world)
            runs = {layer: Runs(found) for layer, found in world.shapes.counties.items()}
            self._runs = world.shapes, runs
        return runs.get(layer, _NOWHERE)

    def _marks_of(self, world: World) -> Marks:
        marks = self._marks
        if marks is None or marks.world is not world:
            self._marks = marks = Marks(world)
        return marks


def _live_fields(layer: str, sight: Sight) -> tuple[str, ...]:
    return tuple(name for name in LIVE.get(layer, ()) if name in sight.fields)


def _missing(missing: tuple[str, ...], world: World, near: list[str], scope: Counties) -> tuple[str, ...]:
    """The missing counties that may have a say in what lies in a box, as far as they may be named."""
    if not missing:
        return ()
    narrowed = world.narrowed(missing, near)
    return tuple(one for one in narrowed if scope is None or one in scope)
