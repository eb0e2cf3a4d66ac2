"""The features of one layer in one county, as long as the county's grid stands: places, ids, stored columns.

What of it costs is made when somebody asks for it, once, however many ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gis_service.atlas.columns import as_column, id_column, rows_of
from gis_service.atlas.index import Index
from gis_service.engine.columns import GEOMETRY_COLUMNS
from gis_service.network.columns import JoinedNumbers, JoinedTexts
from gis_service.network.tables import Lines, Table
from layers.geojson_columns import Column, Geometries, TextColumn

_INSIDE = {*GEOMETRY_COLUMNS, "county"}


class Sheet:
    """Rows by id; what is told of them never changes.

    Parameters
    ----------
    county
        Whose features they are.
    geometries, ids
        Of every row.
    columns
        Stored columns that are made already.
    nbytes
        What of all that lies in memory for this sheet alone.
    """

    def __init__(
        self,
        county: str,
        geometries: Geometries,
        ids: TextColumn,
        columns: Mapping[str, Column] = MappingProxyType({}),
        *,
        nbytes: int = 0,
    ) -> None:
        self.county = county
        self.geometries = geometries
        self.ids = ids
        self._columns = dict(columns)
        self._index: Index | None = None
        self._own = nbytes
        self._making = threading.Lock()

    def __len__(self) -> int:
        return self.geometries.length

    @property
    def columns(self) -> Mapping[str, Column]:
        """The stored columns that are made."""
        return self._columns

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps now."""
        index = self._index
        return self._own + (0 if index is None else index.nbytes)

    def column(self, name: str, make: Callable[[str], Column]) -> Column:
        """One stored column, made by its name where it is not kept yet."""
        found = self._columns.get(name)
        if found is None:
            with self._making:
                if name not in self._columns:
                    made = make(name)
                    self._own += bytes_of(made)
                    self._columns[name] = made
                found = self._columns[name]
        return found

    @property
    def index(self) -> Index:
        """Where they lie."""
        if self._index is None:
            with self._making:
                if self._index is None:
                    self._index = Index(self.geometries)
        return self._index


class TableRows(NamedTuple):
    """The rows `[first, stop)` of a table of the engine that has geometry: those of one county."""

    table: Table
    county: str
    first: int
    stop: int

    def sheet(self) -> Sheet:
        """A new sheet of them."""
        table, first, stop = self.table, self.first, self.stop
        if isinstance(table, Lines):
            offsets = table.offsets[first : stop + 1]
            begin, end = int(offsets[0]), int(offsets[-1])
            geometries = Geometries.lines(offsets - begin, rows_of(table.coords, begin, end))
        else:
            xy: Any = table.columns()["xy"]
            geometries = Geometries.points(rows_of(xy, first, stop))
        ids = id_column(rows_of(table.id, first, stop))
        return Sheet(self.county, geometries, ids, nbytes=ids.offsets.nbytes + geometries.paths.nbytes)

    def use(self) -> None:
        """Tell the budget of the snapshots that places and ids are used now: a sheet has views of them."""
        ids = self.table.id
        if isinstance(ids, JoinedTexts):
            part = ids.parts.part_of(self.first)
            ids.parts.open(part)
            for name in ("xy", "coords"):
                places = getattr(self.table, name, None)
                if isinstance(places, JoinedNumbers):
                    places.parts.open(part)

    def has(self, name: str) -> bool:
        """Whether one of the table's columns has this name outside."""
        if name == "county_code":
            return True
        return name not in _INSIDE and name in self.table.__dataclass_fields__

    def column(self, name: str) -> Column:
        """One of the table's columns, by the name it has outside; AttributeError where there is none."""
        column = getattr(self.table, "county" if name == "county_code" else name)
        return as_column(name, rows_of(column, self.first, self.stop))


def bytes_of(column: Column) -> int:
    """Bytes of a column, the data of texts apart, which is mostly that of the table."""
    if isinstance(column, TextColumn):
        return column.offsets.nbytes + (0 if column.codes is None else column.codes.nbytes)
    return column.values.nbytes + (0 if column.known is None else column.known.nbytes)
