"""Customers and districts as the JSON text of answers, in pieces of bounded size.

The text says what `customers_of` and `districts_of` say, of any number of rows: it is written out of the
columns, county by county, and only one piece of it is in memory at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from compiling import I64, U8
from compiling.moving import STRIDE
from gis_service.engine.columns import Rows
from gis_service.engine.customer_columns import (
    Columns,
    Names,
    hold_columns,
    hold_names,
    write_customers,
)
from gis_service.engine.customer_rows import (
    CLASS_BETWEEN,
    GRADE_BETWEEN,
    LONGEST_WORD,
    is_plain,
)
from gis_service.engine.tallies import Tally
from gis_service.network.columns import Coded
from gis_service.network.joined import JoinedNumbers, JoinedTexts, Parts
from gis_service.network.texts import Texts, frozen
from gis_service.network.topology import Topology

PIECE_BYTES = 1 << 18
_MOST_DISTRICTS = 100_000
_OPEN_S = 5.0


class Listing:
    """Writes the customers and districts of one topology; safe for threads.

    Parameters
    ----------
    topology
        Whose customers they are.
    district_sizes
        Customers of each district, int64 `(n_districts,)`.
    """

    def __init__(self, topology: Topology, district_sizes: npt.NDArray[np.int64]) -> None:
        self._topology = topology
        self._sizes = district_sizes
        self._whole: dict[str, Any] = {}
        self._plain: dict[int, bool] = {}
        self._opened: dict[int, tuple[float, _Held]] = {}
        self._named: dict[int, tuple[float, _Names]] = {}
        self._districts: dict[int, tuple[bytes, bytes]] = {}

    def customers(self, rows: Rows, tally: Tally) -> Iterator[bytes]:
        """Customers with commas between them, in pieces; `rows` ascend, and `tally` is theirs."""
        names = self._names(tally.districts)
        opened = ((self._columns(int(rows[cut.first])), cut) for cut in self._cuts(rows, tally))
        return _written(rows, names, opened)

    def customers_at_hand(self, rows: Rows, tally: Tally) -> list[bytes] | None:
        """The same for whoever must not wait for a file; None where something is not open."""
        now = time.monotonic()
        names = self._names_at_hand(tally.districts, now)
        if names is None:
            return None
        ids = self._topology.tables.customers.id
        opened: list[tuple[_Held, _Cut]] = []
        for cut in self._cuts(rows, tally):
            part = ids.parts.part_of(int(rows[cut.first])) if isinstance(ids, JoinedTexts) else 0
            kept = self._opened.get(part)
            if kept is None or now - kept[0] >= _OPEN_S:
                return None
            opened.append((kept[1], cut))
        return list(_written(rows, names, opened))

    def _names_at_hand(self, districts: Sequence[int], now: float) -> _Names | None:
        if not districts:
            return _nobody()
        ids = self._topology.tables.districts.id
        part = 0
        if isinstance(ids, JoinedTexts):
            part = ids.parts.part_of(districts[0])
            if districts[-1] >= ids.parts.firsts[part + 1]:
                return None
        kept = self._named.get(part)
        return None if kept is None or now - kept[0] >= _OPEN_S else kept[1]

    def districts_at_hand(self, tally: Tally) -> bytes | None:
        """What `districts` gives, where all of them are known; else None."""
        known = self._districts
        return self.districts(tally) if all(row in known for row in tally.districts) else None

    def districts(self, tally: Tally) -> bytes:
        """Districts with commas between them."""
        known = self._districts
        missing = [row for row in tally.districts if row not in known]
        if missing:
            if len(known) + len(missing) > _MOST_DISTRICTS:
                known = self._districts = {}
                missing = tally.districts
            known.update(zip(missing, self._described(missing), strict=True))
        return b",".join(
            [
                b"%b%d%b%b}" % (known[row][0], customers, known[row][1], repr(kva).encode())
                for row, customers, kva in zip(tally.districts, tally.customers, tally.kva, strict=True)
            ]
        )

    def _described(self, rows: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
        """What never changes of some districts: the text before and after the number of customers."""
        districts = self._topology.tables.districts
        at = np.array(rows, np.int64)
        for id, county, name, transformer, total in zip(
            districts.id[at].tolist(),
            districts.county[at].tolist(),
            districts.name[at].tolist(),
            districts.transformer_id[at].tolist(),
            self._sizes[at].tolist(),
            strict=True,
        ):
            told = {
                "id": id,
                "county_code": county,
                "name": name or None,
                "transformer_id": transformer or None,
            }
            yield (
                orjson.dumps(told)[:-1] + b',"customers":',
                b',"customers_total":%d,"contracted_kva":' % total,
            )

    def _names(self, districts: Sequence[int]) -> _Names:
        """The ids of some districts, ascending: a part of their column where one holds them all."""
        ids = self._topology.tables.districts.id
        if not districts:
            return _nobody()
        parts = ids.parts if isinstance(ids, JoinedTexts) else None
        part = 0 if parts is None else parts.part_of(districts[0])
        if parts is not None and parts.part_of(districts[-1]) != part:
            rows = np.array(districts, np.int64)
            taken = Texts.of(ids[rows])
            held = hold_names(0, frozen(rows, np.int64), taken.offsets, taken.data)
            return _Names(is_plain(taken.data), held)
        kept = self._named.get(part)
        now = time.monotonic()
        if kept is None or now - kept[0] >= _OPEN_S:
            texts = Texts.of(ids if parts is None else parts.open(part))
            plain = is_plain(texts.data) if kept is None else kept[1].plain
            first = 0 if parts is None else parts.firsts[part]
            held = hold_names(first, _NO_ROWS, texts.offsets, texts.data)
            kept = self._named[part] = now, _Names(plain, held)
        return kept[1]

    def _cuts(self, rows: Rows, tally: Tally) -> Iterator[_Cut]:
        """Places of rows that lie in one county and in one part of the columns."""
        ids = self._topology.tables.customers.id
        for county, (first, stop) in tally.runs.items():
            if isinstance(ids, JoinedTexts):
                while ids.parts.part_of(int(rows[stop - 1])) != (part := ids.parts.part_of(int(rows[first]))):
                    cut = int(np.searchsorted(rows, ids.parts.firsts[part + 1]))
                    yield _Cut(county, first, cut)
                    first = cut
            yield _Cut(county, first, stop)

    def _columns(self, row: int) -> _Held:
        """The columns that hold a row; opened anew after a moment, for whoever counts what is in use."""
        ids = self._topology.tables.customers.id
        parts = ids.parts if isinstance(ids, JoinedTexts) else None
        part = 0 if parts is None else parts.part_of(row)
        now = time.monotonic()
        kept = self._opened.get(part)
        if kept is None or now - kept[0] >= _OPEN_S:
            kept = now, self._open(part, parts)
            self._opened[part] = kept
        return kept[1]

    def _open(self, part: int, parts: Parts | None) -> _Held:
        id = Texts.of(self._column("id", part, parts, Texts))
        node = Texts.of(self._column("node_id", part, parts, Texts))
        plain = self._plain.get(part)
        if plain is None:
            plain = self._plain[part] = is_plain(id.data) and is_plain(node.data)
        first = 0 if parts is None else parts.firsts[part]
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
        return _Held(plain, columns)

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


class _Cut(NamedTuple):
    """Places `[first, stop)` among rows."""

    county: str
    first: int
    stop: int


class _Held(NamedTuple):
    """Columns of customers; `plain`: no id among them needs an escape in JSON."""

    plain: bool
    columns: Columns


class _Names(NamedTuple):
    """Ids of districts; `plain` as for customers."""

    plain: bool
    names: Names


_NO_ROWS: I64 = frozen(np.empty(0, np.int64), np.int64)


@lru_cache(maxsize=1)
def _nobody() -> _Names:
    none = Texts.of([])
    return _Names(True, hold_names(0, _NO_ROWS, none.offsets, none.data))


_held = threading.local()


def _buffer() -> U8:
    """The calling thread's buffer: fresh memory costs more than what is written to it."""
    try:
        out: U8 = _held.out
    except AttributeError:
        out = _held.out = np.empty(PIECE_BYTES, np.uint8)
    return out


def _written(rows: Rows, names: _Names, opened: Iterable[tuple[_Held, _Cut]]) -> Iterator[bytes]:
    """Customers out of columns that are open, in pieces."""
    comma = b""
    out, at = _buffer(), 0
    for held, (county, first, stop) in opened:
        plain, lead = names.plain and held.plain, _county_lead(county)
        while True:
            first, at = write_customers(out, at, rows, first, stop, plain, lead, held.columns, names.names)
            if first == stop:
                break
            if at:
                yield comma + out[: at - 1].tobytes()
                # whoever reads on may be another thread
                comma, out, at = b",", _buffer(), 0
            else:  # one row is longer than the buffer
                out = np.empty(2 * out.size, np.uint8)
    if at:
        yield comma + out[: at - 1].tobytes()


@lru_cache(maxsize=1024)
def _county_lead(county: str) -> U8:
    text = b'","county_code":' + orjson.dumps(county) + b',"district_id":'
    return np.frombuffer(text + bytes(STRIDE), np.uint8)


@lru_cache(maxsize=256)
def _words(words: tuple[str, ...], before: str, behind: str) -> tuple[I64, U8]:
    texts = [before.encode() + orjson.dumps(word or None) + behind.encode() for word in words]
    assert max(map(len, texts), default=0) <= LONGEST_WORD, words
    ends = np.array([0, *accumulate(map(len, texts))], np.int64)
    return ends, np.frombuffer(b"".join(texts) + bytes(STRIDE), np.uint8)
