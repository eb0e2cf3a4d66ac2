"""Map layers over the grid: the tables of the package, with live state laid over what is stored.

Registers sources into the layers' catalogue; how they are drawn and served is the layers' business.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from psycopg2 import sql

from gis_service.atlas import DRAWN_FROM_MEMORY, Atlas
from gis_service.atlas.derived import DerivedLayer
from gis_service.atlas.feeders import FEEDER, Feeders
from gis_service.atlas.issues import TOPOLOGY_ISSUE, Issues
from gis_service.atlas.outages import OUTAGE_AREA, Begun, Customer, outage_areas
from gis_service.atlas.paging import count_in, feature_of, page_of
from gis_service.atlas.sheets import Sheets
from gis_service.atlas.stored import ANYWHERE, Measured, StoredLayer
from gis_service.atlas.veil import REFERENCES, veiled
from gis_service.engine import Engine
from gis_service.engine.columns import table_of
from gis_service.engine.live import energised
from gis_service.engine.shapes import Shapes
from gis_service.engine.world import World
from gis_service.ingest.spec import LAYERS, Layer
from gis_service.network.texts import Texts
from gis_service.snapshots.budget import memory_budget
from gis_service.store import layer_extents
from gis_service.store.by_node import read_by_node
from gis_service.store.database import in_transaction
from gis_service.store.pages import causes, lasting_interruptions
from layers.catalog import Catalog
from layers.filter.tree import properties_of
from layers.geojson_columns import Column, Features, NumberColumn, TextColumn, truths
from layers.postgis import CountyTable, ReadOf
from layers.sheet import Seen, Sight
from layers.source import Box, Count, Counties, Description, Field, FieldType, Page, Query, within

TITLES = {
    "county": ("Counties", "Counties with a loaded grid."),
    "substation": ("Substations", "Sites with busbars, from which feeders start."),
    "line_section": ("Line sections", "Lines, cables and busbars between two nodes."),
    "switch": ("Switches", "Switching devices; `open` is how they stand now."),
    "power_transformer": ("Transformers", "Power and distribution transformers."),
    "transformer_district": ("Transformer districts", "The areas that distribution transformers supply."),
    "customer_point": ("Customer points", "Where customers are supplied; who they are stands elsewhere."),
    "corridor": ("Corridors", "Ways along which lines can be built."),
}
"""Layers that are listed, with title and description."""

_FIELD_TYPES: dict[str, FieldType] = {
    "text": "string",
    "float": "number",
    "int": "integer",
    "bool": "boolean",
}
_LIVE = {
    "substation",
    "line_section",
    "switch",
    "power_transformer",
    "transformer_district",
    "customer_point",
}


def grid_catalog(engine: Engine) -> Catalog:
    """The catalogue of one engine's grid."""
    tables: list[CountyTable] = []
    stored: list[StoredLayer] = []
    for layer in LAYERS:
        if layer.name in TITLES:
            places = Places(engine, layer.name)
            table = _table(layer, places)
            tables.append(table)
            if layer.name not in DRAWN_FROM_MEMORY:
                stored.append(StoredLayer(layer.name, table.by_county, places.extents))
    atlas = Atlas(engine, stored, Sheets(memory_budget()))
    drawn = [
        (LiveLayer if table.description.id in _LIVE else DrawnLayer)(table, engine, atlas) for table in tables
    ]
    around = Places(engine, "line_section").extent
    return Catalog(
        [
            *drawn,
            DerivedLayer(FEEDER, atlas, Feeders().parts, around),
            DerivedLayer(OUTAGE_AREA, atlas, partial(outage_areas, begun_of=_begun), around),
            DerivedLayer(TOPOLOGY_ISSUE, atlas, Issues().features, around, live=False),
        ]
    )


def _begun(customers: Collection[Customer], at: datetime) -> dict[Customer, Begun]:
    """What is on record; nothing of counties that do not answer."""
    found, _ = lasting_interruptions(customers, at)
    switch_of, _ = causes({one.cause for one in found if one.cause is not None})
    return {
        one.customer: Begun(
            one.began,
            None if one.cause is None or one.cause not in switch_of else (one.cause[0], switch_of[one.cause]),
        )
        for one in found
    }


def _table(layer: Layer, places: Places) -> CountyTable:
    title, text = TITLES[layer.name]
    fields = tuple(
        Field(column.name, _FIELD_TYPES[column.type]) for column in layer.columns if column.name != layer.key
    )
    own = Field(layer.key, "string", "the utility's id" if layer.key == "id" else "the county's code")
    return CountyTable(
        Description(layer.name, title, text, layer.geometry, (own, *fields)),
        read=_reading_whole if layer.name == "county" else _reading,
        rows_by_county=places.rows_by_county,
        counties_of_id=places.counties_of_id,
        extent_of=places.extent,
        key=layer.key,
        told=told_columns(layer),
    )


def told_columns(layer: Layer) -> dict[str, sql.Composable]:
    """Columns as the engine understands what is absent from them, so that one thing is told everywhere.

    Phases that are not given are all three, those of a customer are what its node has; letters stand in one
    order. A name of no characters is none, and what is not said to be remote controlled is not.
    """
    found: dict[str, sql.Composable] = {}
    for column in layer.columns:
        name = sql.Identifier(column.name)
        if column.name == "phases":
            given = name if layer.name == "customer_point" else sql.SQL("coalesce({}, 'ABC')").format(name)
            found["phases"] = sql.SQL("translate('ABCN', translate('ABCN', {}, ''), '')").format(given)
        elif column.name == "name":
            found["name"] = sql.SQL("nullif({}, '')").format(name)
        elif column.type == "bool" and not column.required:
            found[column.name] = sql.SQL("coalesce({}, false)").format(name)
    return found


def _reading(counties: Collection[str], read: ReadOf) -> tuple[list[pa.Table], Collection[str]]:
    # a count, and the estimate where there are too many, need not be of the same moment
    parts, away = read_by_node(counties, read, one_statement=True)
    return parts, away.keys()


def _reading_whole(counties: Collection[str], read: ReadOf) -> tuple[list[pa.Table], Collection[str]]:
    """The table of counties lies on every node, so that the coordinator's own is enough."""
    with in_transaction(read_only=True, one_statement=True) as cursor:
        return [read(cursor, counties)], ()


class _Load(NamedTuple):
    county: str
    topology_version: int
    loaded_at: datetime | None


_NOTHING = Measured(0, None)


class Places:
    """Where each county's elements of one layer lie; measured on the elements, not taken from borders.

    What the engine holds in memory is measured there. Corridors, the polygons of districts and of counties
    may reach further than that: these are measured in the database, once for each load of a county.
    """

    def __init__(self, engine: Engine, layer: str) -> None:
        self.engine = engine
        self.layer = layer
        self._stored: dict[_Load, Measured] = {}

    def rows_by_county(self, box: Box | None) -> dict[str, int]:
        """Counties that can hold features of the layer meeting a box, and how many features each holds."""
        world = self.engine.current.get()
        if self.layer in world.shapes.counties:
            runs = world.shapes.counties[self.layer]
            held = {one.county: Measured(one.stop - one.first, one.box) for one in runs}
        else:
            held = self.extents(world)
        held |= dict.fromkeys(world.absent, ANYWHERE)
        if box is None:
            return {county: one.rows for county, one in held.items()}
        return {county: one.rows for county, one in held.items() if one.box and box.meets(Box(*one.box))}

    def counties_of_id(self, id: str) -> list[str]:
        """The county that holds an id; all of them where the engine does not know it."""
        world = self.engine.current.get()
        if self.layer == "county":
            return [id] if id in {*world.versions, *world.absent} else []
        if self.layer in world.topology.ids.layers:
            row = world.topology.ids.row(self.layer, id)
            if row is not None:
                return [str(table_of(world.topology.tables, self.layer).county[row])]
        return sorted({*world.versions, *world.absent})

    def extents(self, world: World) -> dict[str, Measured]:
        """Where each county of a world has elements, as measured in the database."""
        loads = [_Load(county, one.topology_version, one.loaded_at) for county, one in world.versions.items()]
        stored = self._stored
        if fresh := [one for one in loads if one not in stored]:
            found, away = layer_extents(self.layer, [one.county for one in fresh])
            measured = {
                one: Measured(*found.get(one.county, _NOTHING)) for one in fresh if one.county not in away
            }
            self._stored = stored = {
                one: measured[one] if one in measured else stored[one]
                for one in loads
                if one in measured or one in stored
            }
        return {one.county: stored.get(one, ANYWHERE) for one in loads}

    def extent(self, counties: Counties = None) -> Box | None:
        """A box around the whole grid of some counties."""
        of_layers = county_boxes(self.engine.current.get().shapes).values()
        boxes = [of[county] for of in of_layers for county in within(of, counties)]
        if not boxes:
            return None
        west, south, east, north = zip(*boxes, strict=True)
        return Box(min(west), min(south), max(east), max(north))


def county_boxes(shapes: Shapes) -> dict[str, dict[str, Box]]:
    """Layer → county → the box around its elements."""
    return {
        layer: {one.county: Box(*one.box) for one in counties if one.box is not None}
        for layer, counties in shapes.counties.items()
    }


@dataclass(frozen=True)
class DrawnLayer:
    """A stored layer that can be drawn."""

    stored: CountyTable
    engine: Engine
    atlas: Atlas

    @property
    def description(self) -> Description:
        """The stored layer's."""
        return self.stored.description

    def extent(self, counties: Counties = None) -> Box | None:
        """The stored layer's."""
        return self.stored.extent(counties)

    def page(self, query: Query) -> Page:
        """The stored features."""
        return self.stored.page(query)

    def count(self, query: Query, most: int) -> Count | None:
        """How many stored features meet a query."""
        return self.stored.count(query, most)

    def feature(self, id: str, counties: Counties = None) -> Features | None:
        """The stored feature."""
        return self.stored.feature(id, counties)

    def look(self, sight: Sight) -> Seen:
        """What lies in a box, from memory; see `Atlas.look`."""
        return self.atlas.look(self.stored.description.id, sight)

    def stamp(self, sight: Sight) -> str:
        """Another text whenever `look` can answer anything else; see `Atlas.stamp`."""
        return self.atlas.stamp(self.stored.description.id, sight)


@dataclass(frozen=True)
class LiveLayer(DrawnLayer):
    """A stored layer with the `energised` of the current state; `open` is the current one as well."""

    @cached_property
    def description(self) -> Description:
        """The stored layer's, with the live field; how a switch stands is live as well."""
        of = self.stored.description
        stored = [replace(one, live=of.id == "switch" and one.name == "open") for one in of.fields]
        lit = Field("energised", "boolean", "has voltage now", live=True)
        return replace(of, fields=(*stored, lit))

    def page(self, query: Query) -> Page:
        """The features, each with its live state; from memory where no condition is on what is stored."""
        query = self._told_as_stored(query)
        if query.where is None and self._is_held:
            return page_of(self.atlas, self.description, query)
        page = self.stored.page(query)
        return replace(page, features=self._live(page.features, query.counties, query.moment))

    def count(self, query: Query, most: int) -> Count | None:
        """How many stored features meet a query; of a box alone exactly, from memory."""
        if self._told_as_stored(query) is not query:
            return None
        if query.where is None and query.box is not None and self._is_held:
            found = count_in(self.atlas, self.description.id, query.box, query.counties)
            return None if found is None else Count(found, True)
        return self.stored.count(query, most)

    @property
    def _is_held(self) -> bool:
        """Whether places and columns lie in memory."""
        return self.description.id in DRAWN_FROM_MEMORY

    def _told_as_stored(self, query: Query) -> Query:
        """The query, without a condition on references: of these a caller may see less than is stored.

        Whoever asks applies it to what the caller is told, so that no guess at a hidden id is answered.
        """
        if query.counties is None or query.where is None:
            return query
        named = {one.name for one in properties_of(query.where)}
        if named.isdisjoint(REFERENCES.get(self.stored.description.id, ())):
            return query
        return replace(query, where=None)

    def feature(self, id: str, counties: Counties = None) -> Features | None:
        """The feature with its live state; that of a county which is not held from the tables."""
        if self._is_held:
            scene = self.engine.scene()
            row = scene.topology.ids.row(self.description.id, id)
            if row is not None:
                return feature_of(self.atlas, self.description, row, scene, counties)
            if not within(scene.world.absent, counties):
                return None
        found = self.stored.feature(id, counties)
        return None if found is None else self._live(found, counties, None)

    def _live(self, features: Features, counties: Counties, moment: datetime | None) -> Features:
        scene = self.atlas.moments.scene(moment)
        layer = self.stored.description.id
        ids = features.ids
        assert isinstance(ids, TextColumn)
        first, end = int(ids.offsets[0]), int(ids.offsets[-1])
        rows = scene.topology.ids.rows(
            layer, Texts((ids.offsets - first).astype(np.uint32), ids.data[first:end])
        ).astype(np.int64)
        known = rows >= 0
        lit = np.zeros(len(features), np.bool_)
        lit[known] = energised(scene, layer, rows[known])
        live: dict[str, Column] = {**features.properties, "energised": truths(lit, known)}
        if counties is not None:
            live = veiled(scene.world, layer, rows, live, counties)
        if layer == "switch":
            stored = features.properties["open"]
            assert isinstance(stored, NumberColumn)
            now = stored.values != 0
            now[known] = scene.state.open[rows[known]]
            live["open"] = truths(now)
        return replace(features, properties=live)
