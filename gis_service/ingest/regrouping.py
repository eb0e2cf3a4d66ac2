"""Files in which counties lie scattered, written anew with the rows of each county together.

Reads the file once for each bunch of counties that fits into memory, and writes to a scratch directory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Counts = Mapping[str | None, int]

ROWS_IN_MEMORY = 1_000_000
_SMALL = 200_000
_WORTH = 2.0  # times a file would be read on the way through all counties


def worth_regrouping(groups: Sequence[Counts]) -> bool:
    """Whether reading county by county would read the rows of these groups too often."""
    rows = sum(sum(counts.values()) for counts in groups)
    read = sum(sum(counts.values()) * len(counts) for counts in groups)
    return rows > _SMALL and read > _WORTH * rows


def regrouped(
    file: pq.ParquetFile,
    groups: Sequence[Counts],
    codes: Callable[[pa.Table], Any],
    target: Path,
    *,
    rows_in_memory: int = ROWS_IN_MEMORY,
) -> None:
    """Write a file's rows to `target`, county by county, as they are.

    Parameters
    ----------
    groups
        The rows of each county in each row group of the file.
    codes
        Gives the county of each row of a table, as an Arrow array of text.
    """
    with pq.ParquetWriter(target, file.schema_arrow, compression="lz4") as writer:
        for bunch in _bunches(groups, rows_in_memory):
            wanted = pa.array(bunch, pa.large_string())
            taken = []
            for number, counts in enumerate(groups):
                if counts.keys() & set(bunch):
                    rows = file.read_row_group(number)
                    taken.append(rows.filter(pc.is_in(codes(rows), value_set=wanted)))
            together = pa.concat_tables(taken)
            of = codes(together)
            for county in bunch:
                writer.write_table(together.filter(pc.equal(of, county)))


def _bunches(groups: Sequence[Counts], most: int) -> Iterator[list[str]]:
    total: Counter[str] = Counter()
    for counts in groups:
        total.update({code: rows for code, rows in counts.items() if code is not None})
    bunch: list[str] = []
    held = 0
    for county in sorted(total):
        if bunch and held + total[county] > most:
            yield bunch
            bunch, held = [], 0
        bunch.append(county)
        held += total[county]
    if bunch:
        yield bunch
