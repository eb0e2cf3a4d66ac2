"""Columns of customers and districts that lists are written from, opened a part at a time for compiled code.

Knows how columns are kept, opened and brought to the form that compiled code takes; `page` says what belongs
to a page, `customer_columns` and `district_rows` what becomes of it.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from compiling import I64, U8
from compiling.moving import STRIDE
from gis_service.engine.columns import table_of
from gis_service.engine.customer_columns import Columns, Names, hold_columns, hold_names
from gis_service.engine.customer_rows import CLASS_BETWEEN, GRADE_BETWEEN, LONGEST_WORD, is_plain
from gis_service.engine.district_rows import DistrictTexts, described, district_texts
from gis_service.engine.page import Page, hold_page
from gis_service.engine.shelf import empty_shelf
from gis_service.network.columns import Coded
from gis_service.network.joined import JoinedNumbers, JoinedTexts, Parts
from gis_service.network.texts import Texts, frozen
from gis_service.network.topology import Topology

_OPEN_S = 5.0
"""Seconds after which columns are opened anew, for whoever counts what is in use."""


class Opened:
    """A page, and the columns and ids of districts on it by themselves.

    Attributes
    ----------
    plain, names_plain
        Whether no id of its customers, or of its districts, needs an escape.
    tried
        Whether an answer was written from it: what that needs is compiled for columns such as these.
    """

    __slots__ = ("columns", "names", "names_plain", "page", "plain", "since", "tried")

    def __init__(self, page: Page, columns: Columns, names: Names, *, plain: bool, names_plain: bool) -> None:
        self.page = page
        self.columns = columns
        self.names = names
        self.plain = plain
        self.names_plain = names_plain
        self.since = time.monotonic()
        self.tried = False


class Pages:
    """The pages of one topology; safe for threads.

    Parameters
    ----------
    topology
        Whose customers and districts they are.
    district_sizes
        Customers of each district, int64 `(n_districts,)`.
    codes
        Of all counties, in the order that customers are counted in.
    """

    def __init__(
        self, topology: Topology, district_sizes: npt.NDArray[np.int64], codes: Sequence[str]
    ) -> None:
        self._topology = topology
        self._sizes = district_sizes
        self._opened: dict[int, Opened] = {}
        self._whole: dict[str, Any] = {}
        # what does not change when columns are opened anew
        self._plain: dict[int, bool] = {}
        self._names_plain: dict[int, bool] = {}
        self._texts: dict[int, DistrictTexts] = {}
        leads = list(map(county_lead, codes))
        self._lead_ends = np.array([0, *accumulate(lead.size for lead in leads)], np.int64)
        self._leads = np.concatenate([*leads, np.empty(0, np.uint8)])
        self._shelf = empty_shelf(len(topology.tables.customers))
        self._customers = _parts_of(topology.tables.customers.id)
        self._districts = _parts_of(topology.tables.districts.id)
        self._edge_firsts = [] if self._customers is None else _firsts_of_edges(topology)

    def part_of_edge(self, edge: int) -> int:
        """The page that most likely has those whom an edge supplies: that of its own county."""
        if self._customers is None or not self._edge_firsts:
            return 0
        return (bisect_right(self._edge_firsts, edge) - 1) % (len(self._customers.firsts) - 1)

    def part_of_customer(self, row: int) -> int:
        """The page that has a customer."""
        return 0 if self._customers is None else self._customers.part_of(row)

    def part_of_district(self, row: int) -> int:
        """A page that has the id of a district."""
        return 0 if self._districts is None else self._districts.part_of(row)

    def at_hand(self, part: int) -> Opened | None:
        """A page that need not be opened; None where it must be."""
        kept = self._opened.get(part)
        return None if kept is None or time.monotonic() - kept.since >= _OPEN_S else kept

    def open(self, part: int) -> Opened:
        """A page."""
        kept = self.at_hand(part)
        if kept is None:
            kept = self._opened[part] = self._open(part)
        return kept

    def _open(self, part: int) -> Opened:
        parts = self._customers
        first, stop = (0, len(self._topology.tables.customers)) if parts is None else _extent(parts, part)
        columns, plain = self._open_customers(part, parts, first)
        names, names_plain, texts = self._open_districts(0 if self._districts is None else part)
        page = hold_page(
            first,
            stop,
            columns,
            names,
            texts,
            plain and names_plain,
            self._lead_ends,
            self._leads,
            self._shelf,
        )
        return Opened(page, columns, names, plain=plain, names_plain=names_plain)

    def _open_districts(self, part: int) -> tuple[Names, bool, DistrictTexts]:
        """Of one part of the districts: their ids, whether these are plain, and their texts."""
        districts = self._topology.tables.districts
        parts = self._districts
        first, stop = (0, len(districts)) if parts is None else _extent(parts, part)
        ids = Texts.of(districts.id if parts is None else parts.open(part))
        if part not in self._texts:
            self._names_plain[part] = is_plain(ids.data)
            told = described(districts, self._sizes, range(first, stop))
            self._texts[part] = district_texts(first, told)
        return hold_names(first, _NO_ROWS, ids.offsets, ids.data), self._names_plain[part], self._texts[part]

    def _open_customers(self, part: int, parts: Parts | None, first: int) -> tuple[Columns, bool]:
        """Columns of one part of the customers, and whether all ids are plain."""
        id = Texts.of(self._column("id", part, parts, Texts))
        node = Texts.of(self._column("node_id", part, parts, Texts))
        plain = self._plain.get(part)
        if plain is None:
            plain = self._plain[part] = is_plain(id.data) and is_plain(node.data)
        class_ = Coded.of(self._column("customer_class", part, parts, Coded))
        grade = Coded.of(self._column("critical_grade", part, parts, Coded))
        columns = hold_columns(
            first,
            id.offsets,
            id.data,
            node.offsets,
            node.data,
            class_.codes,
            *_words(class_.words, *CLASS_BETWEEN),
            grade.codes,
            *_words(grade.words, *GRADE_BETWEEN),
            frozen(self._column("contracted_kva", part, parts), np.float64),
            frozen(self._column("xy", part, parts), np.float64),
            frozen(self._topology.customer_district[first:], np.int32),
        )
        return columns, plain

    def _column(
        self, name: str, part: int, parts: Parts | None, kind: type[Texts | Coded] | None = None
    ) -> Any:
        """One part of a column; or all of it, brought to its kind once, where the ids are not in parts."""
        column = getattr(self._topology.tables.customers, name)
        if parts is not None:
            if isinstance(column, JoinedTexts | JoinedNumbers) and column.parts.firsts == parts.firsts:
                return column.parts.open(part)
            return column[parts.firsts[part] : parts.firsts[part + 1]]
        if kind is None:
            return np.asarray(column)
        if name not in self._whole:
            self._whole[name] = kind.of(column)
        return self._whole[name]


_NO_ROWS: I64 = frozen(np.empty(0, np.int64), np.int64)


@lru_cache(maxsize=1)
def no_names() -> Names:
    """The ids of no districts."""
    none = Texts.of([])
    return hold_names(0, _NO_ROWS, none.offsets, none.data)


@lru_cache(maxsize=1024)
def county_lead(county: str) -> U8:
    """What stands in a customer between its id and that of its district; `STRIDE` bytes more."""
    text = b'","county_code":' + orjson.dumps(county) + b',"district_id":'
    return np.frombuffer(text + bytes(STRIDE), np.uint8)


def _parts_of(column: Any) -> Parts | None:
    """The parts of a column that is in parts, of which there may be none."""
    return column.parts if isinstance(column, JoinedTexts) and column.parts.firsts[1:] else None


def _firsts_of_edges(topology: Topology) -> list[int]:
    """The first edge of every part of every layer of edges, rising; nothing where some are not in parts."""
    firsts: list[int] = []
    for layer, first in topology.first_edges.items():
        parts = _parts_of(table_of(topology.tables, layer).id)
        if parts is None:
            return []
        firsts += [first + one for one in parts.firsts[:-1]]
    return firsts


def _extent(parts: Parts, part: int) -> tuple[int, int]:
    return parts.firsts[part], parts.firsts[part + 1]


@lru_cache(maxsize=256)
def _words(words: tuple[str, ...], before: str, behind: str) -> tuple[I64, U8]:
    texts = [before.encode() + orjson.dumps(word or None) + behind.encode() for word in words]
    assert max(map(len, texts), default=0) <= LONGEST_WORD, words
    ends = np.array([0, *accumulate(map(len, texts))], np.int64)
    return ends, np.frombuffer(b"".join(texts) + bytes(STRIDE), np.uint8)
