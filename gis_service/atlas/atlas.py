"""Looks at the grid: what of a layer lies in a box, with its state at a moment; and the stamp of such a look.

One look is of one scene: places, stored fields and live state belong together, whatever happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import xxhash

from gis_service.atlas.index import boxes_of
from gis_service.atlas.live import LIVE, live_by_part
from gis_service.atlas.moments import Moments
from gis_service.atlas.places import DRAWN, boxes_of_rows, moved_counties
from gis_service.atlas.plan import Marks, Plans, scope_text
from gis_service.atlas.ready import Ready, ReadySheet
from gis_service.atlas.sheet import Sheet, TableRows
from gis_service.atlas.sheets import SheetKey, Sheets, load_of
from gis_service.atlas.stored import StoredLayer
from gis_service.atlas.touched import touched_rows
from gis_service.atlas.veil import REFERENCES, veiled
from gis_service.engine import Engine
from gis_service.engine.columns import rfc3339, table_of
from gis_service.engine.shapes import CountyRun, Shapes
from gis_service.engine.world import World
from gis_service.kernels.compiled import F64, I64
from layers.geojson_columns import Column, NumberColumn
from layers.sheet import Patch, Seen, Sight
from layers.sheet_features import geometries_at
from layers.source import Counties


class Atlas:
    """The sheets of one engine's grid.

    Parameters
    ----------
    engine
        Whose world is looked at.
    stored
        The layers that the engine does not hold in memory.
    sheets
        Where sheets are kept.
    """

    def __init__(
        self, engine: Engine, stored: Iterable[StoredLayer] = (), sheets: Sheets | None = None
    ) -> None:
        self.engine = engine
        self.moments = Moments(engine)
        self.stored = {one.name: one for one in stored}
        self.sheets = Sheets() if sheets is None else sheets
        self.plans = Plans(self.stored)
        self.ready = Ready()
        # a race of two threads here comes to the same
        self._tidied_for: Shapes | None = None
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
        # without live fields no moment matters, and how switches stand is not asked
        scene = self.moments.scene(sight.moment) if live else None
        world = self._tidied(self.engine.current.get() if scene is None else scene.world)
        away = world.missing_counties if scene is None else scene.missing
        near = self.plans.runs(world, layer).meeting(sight.box, sight.counties)
        found, lost = self._ready(world, layer, near, sight.fields, live)
        seen: list[tuple[CountyRun, I64]] = []
        for run in near:
            if run.county in found:
                rows = found[run.county].sheet.index.rows(sight.box)
                if rows.size:
                    seen.append((run, rows))
        state: list[dict[str, NumberColumn]] = [{}] * len(seen)
        if scene is not None:
            state = live_by_part(scene, layer, [rows + run.first for run, rows in seen], live)
        patches: list[Patch] = []
        for place, (run, rows) in enumerate(seen):
            sheet, columns, _ = found[run.county]
            if sight.counties is not None:
                own = np.full(len(sheet), -1)  # references of what is not in the box are left out as well
                own[rows] = rows + run.first
                columns = veiled(world, layer, own, dict(columns), sight.counties)
            patches.append(Patch(run.county, rows, sheet.geometries, sheet.ids, columns, state[place]))
        if not away and not lost:
            return Seen(patches)
        missing = _missing(away, world, [run.county for run in near], sight.counties)
        return Seen(patches, tuple(sorted({*missing, *lost})))

    def _ready(
        self, world: World, layer: str, near: list[CountyRun], fields: tuple[str, ...], live: tuple[str, ...]
    ) -> tuple[Mapping[str, ReadySheet], list[str]]:
        """The sheets of some counties with the stored fields, and the counties of which there is none."""
        at_hand = self.ready.at_hand(world.shapes, layer, fields)
        wanted = [run for run in near if not self.ready.holds(at_hand.get(run.county))]
        if not wanted:
            return at_hand, []
        sheets, lost = self._sheets(world, layer, wanted)
        stored = [name for name in fields if name not in live]
        gathered = {
            run.county: (sheets[run.county], self._columns(world, layer, run, sheets[run.county], stored))
            for run in wanted
            if run.county in sheets
        }
        # not asked for again: other looks may have it forgotten meanwhile
        found = {**at_hand, **self.ready.keep(world.shapes, layer, fields, gathered)}
        self._tidy()
        return {county: one for county, one in found.items() if county not in lost}, lost

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
        near = [run.county for run in self.plans.runs(world, layer).meeting(sight.box, sight.counties)]
        told = [layer, "" if sight.counties is None else f"for {scope_text(sight.counties)}"]
        told += dict.fromkeys(mark(county) for county in near)
        if sight.counties is not None and any(name in REFERENCES.get(layer, ()) for name in sight.fields):
            told += [marks.of_load(county) for county in sorted(sight.counties & world.versions.keys())]
        if missing := _missing(world.missing_counties, world, near, sight.counties):
            told += ["missing", *missing]
        if live and sight.moment is not None:
            told += ["at", rfc3339(sight.moment)]
        return xxhash.xxh3_128_hexdigest("\n".join(told).encode())

    def touched(self, before: World, after: World) -> dict[str, F64]:
        """Where what is drawn differs between two worlds: layer → boxes float64 `(n, 4)`, in lon/lat.

        After switch operations the boxes of exactly the elements whose `energised` or `open` is another, at
        the cost of the change. After a load the box around each layer of the county, and of the counties
        whose network is tied to it, as far as their layers have live fields.

        Raises
        ------
        NotReady
            When polygons have to be read and cannot be.
        """
        found: dict[str, list[F64]] = {}
        for layers in self.touched_by_county(before, after).values():
            for layer, boxes in layers.items():
                found.setdefault(layer, []).append(boxes)
        return {layer: np.concatenate(boxes) for layer, boxes in found.items()}

    def touched_by_county(self, before: World, after: World) -> dict[str, dict[str, F64]]:
        """`touched`, each element in its own county: county → layer → boxes."""
        if before.topology is not after.topology:
            return self._loaded(before, after)
        found: dict[str, dict[str, F64]] = {}
        for layer, rows in touched_rows(before, after).items():
            for run in self.plans.runs(after, layer).of(after.versions.keys()):
                own = rows[np.searchsorted(rows, run.first) : np.searchsorted(rows, run.stop)]
                if own.size:
                    boxes = self._boxes(after, layer, run, own)
                    boxes = boxes[np.isfinite(boxes).all(axis=1)]
                    if len(boxes):
                        found.setdefault(run.county, {})[layer] = boxes
        return found

    def sheet(self, world: World, layer: str, run: CountyRun) -> Sheet:
        """The sheet of one county's rows of a layer that the engine holds."""
        self._tidied(world)
        return self._sheets(world, layer, [run])[0][run.county]

    def columns(
        self, world: World, layer: str, run: CountyRun, sheet: Sheet, fields: Iterable[str]
    ) -> dict[str, Column]:
        """Some stored columns of a sheet, those that there are."""
        size = sheet.nbytes
        found = self._columns(world, layer, run, sheet, fields)
        if sheet.nbytes != size:
            self._tidy()
        return found

    def _boxes(self, world: World, layer: str, run: CountyRun, rows: I64) -> F64:
        if layer not in self.stored:
            return boxes_of_rows(world.topology.tables, layer, rows)
        sheets, _ = self._sheets(world, layer, [run])
        # of a county that cannot be read, all may be another
        shapes = [boxes_of(geometries_at(one.geometries, rows - run.first)) for one in sheets.values()]
        return np.concatenate(shapes or [np.array([run.box])])

    def _loaded(self, before: World, after: World) -> dict[str, dict[str, F64]]:
        loaded, moved = moved_counties(before, after)
        found: dict[str, dict[str, F64]] = {}
        for layer in (*DRAWN, *self.stored):
            counties = moved if layer in LIVE else loaded
            for of in (self.plans.known(before, layer), self.plans.runs(after, layer)):
                for run in of.of(counties):
                    own = np.array([run.box], np.float64)
                    boxes = found.setdefault(run.county, {}).get(layer, own)
                    found[run.county][layer] = np.unique(np.concatenate([boxes, own]), axis=0)
        return found

    def _sheets(
        self, world: World, layer: str, near: Sequence[CountyRun]
    ) -> tuple[dict[str, Sheet], list[str]]:
        """The sheets of some counties, and the counties of which there is none to be had."""
        if layer in self.stored:
            return self.stored[layer].sheets(self.engine, self.sheets, world, near)
        found: dict[str, Sheet] = {}
        for run in near:
            key = SheetKey(layer, load_of(world, run.county))
            rows = _rows_of(world, layer, run)
            rows.use()
            found[run.county] = self.sheets.get(key, rows.sheet)
        return found, []

    def _columns(
        self, world: World, layer: str, run: CountyRun, sheet: Sheet, fields: Iterable[str]
    ) -> dict[str, Column]:
        if layer in self.stored:
            return {name: sheet.columns[name] for name in fields if name in sheet.columns}
        rows = _rows_of(world, layer, run)
        return {name: sheet.column(name, rows.column) for name in fields if rows.has(name)}

    def _tidied(self, world: World) -> World:
        """The world; sheets of the loads before it are let go of when it comes first."""
        if self._tidied_for is not world.shapes:
            self._tidied_for = world.shapes
            self._tidy(world)
        return world

    def _tidy(self, world: World | None = None) -> None:
        """Let go of sheets as `Sheets.tidy` does, wherever they are kept."""
        if self.sheets.tidy(world):
            self.ready.forget()

    def _marks_of(self, world: World) -> Marks:
        marks = self._marks
        if marks is None or marks.world is not world:
            self._marks = marks = Marks(world)
        return marks


def _rows_of(world: World, layer: str, run: CountyRun) -> TableRows:
    return TableRows(table_of(world.topology.tables, layer), run.county, run.first, run.stop)


def _live_fields(layer: str, sight: Sight) -> tuple[str, ...]:
    return tuple(name for name in LIVE.get(layer, ()) if name in sight.fields)


def _missing(missing: tuple[str, ...], world: World, near: list[str], scope: Counties) -> tuple[str, ...]:
    """The missing counties that may have a say in what lies in a box, as far as they may be named."""
    if not missing:
        return ()
    narrowed = world.narrowed(missing, near)
    return tuple(one for one in narrowed if scope is None or one in scope)
