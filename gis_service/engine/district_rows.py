"""Transformer districts as JSON text: what never changes of each, kept as text, with counts written between.

A district's customers among some are counted before; what it is called and to what it belongs stands ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from compiling import I64, U8, borrowing
from compiling.moving import STRIDE, copy
from gis_service.network.tables import Districts
from layers.geojson_numbers import NUMBER_ROOM, write_double, write_integer

_ROOM = 2 * NUMBER_ROOM + STRIDE + 2
_LEAST_PLAIN = 10_000
"""Part of a kVA below which Python writes a number in another way than compiled code: `1e-05`, not `1e-5`."""


class DistrictTexts(NamedTuple):
    """Some districts that follow one another, as compiled code takes them.

    first : row of the first one
    ends : int64 `(2n + 1,)`: where the text before its number of customers and the text between that and its
        power begin, of each in turn; and where all ends
    data : uint8, all texts, with `STRIDE` bytes behind them
    """

    first: int
    ends: I64
    data: U8


def described(
    districts: Districts, sizes: npt.NDArray[np.int64], rows: Sequence[int]
) -> Iterator[tuple[bytes, bytes]]:
    """What never changes of some districts: the text before and after the number of customers.

    Parameters
    ----------
    sizes
        Customers of each district of the table.
    """
    at = np.array(rows, np.int64)
    for id, county, name, transformer, total in zip(
        districts.id[at].tolist(),
        districts.county[at].tolist(),
        districts.name[at].tolist(),
        districts.transformer_id[at].tolist(),
        sizes[at].tolist(),
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


def district_texts(first: int, told: Iterable[tuple[bytes, bytes]]) -> DistrictTexts:
    """What `described` says of districts from a first row on, for `write_districts`."""
    texts = list(chain.from_iterable(told))
    ends = np.array([0, *accumulate(map(len, texts))], np.int64)
    return DistrictTexts(first, ends, np.frombuffer(b"".join(texts) + bytes(STRIDE), np.uint8))


@borrowing
def are_among(counted: I64, texts: DistrictTexts) -> bool:
    """Whether districts, as `write_districts` is given them, are all among those of the texts."""
    size = counted.shape[1]
    if not size:
        return True
    first, last = int(counted[0, 0]), int(counted[0, size - 1])
    return first >= texts.first and 2 * (last - texts.first) + 2 < texts.ends.size


@borrowing
def write_districts(out: U8, at: int, counted: I64, unit: int, texts: DistrictTexts) -> int:
    """Write districts with commas between them; where they end, -1 where that cannot be.

    It cannot where the buffer is full, or a power is so small that it is written in another way elsewhere.

    Parameters
    ----------
    counted
        int64 `(3, d)`: rows, ascending and among the texts, customers and power, as `counted_rows.tally`
        gives them.
    unit
        Parts of a kVA that their power is told in.
    """
    for k in range(counted.shape[1]):
        place, power = 2 * (counted[0, k] - texts.first), counted[2, k]
        if 0 < power * _LEAST_PLAIN < unit:
            return -1
        before, between, end = texts.ends[place], texts.ends[place + 1], texts.ends[place + 2]
        if out.size - at < end - before + _ROOM:
            return -1
        if k:
            out[at] = np.uint8(44)
            at += 1
        at = copy(out, at, texts.data, before, between)
        at = write_integer(out, at, np.int64(counted[1, k]))
        at = copy(out, at, texts.data, between, end)
        at = write_double(out, at, np.float64(power / unit).view(np.int64))
        out[at] = np.uint8(125)
        at += 1
    return at
